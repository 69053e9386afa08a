"""The APIs of providers when they refuse, fail or lie: on GitHub's fake, where no other is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from ebbflow.adapters.http_client import AioHttpClient
from ebbflow.adapters.providers import ProviderApis
from ebbflow.adapters.providers.asking import MAX_PAGE_BYTES
from ebbflow.domain.git import (
    AddressNotAllowed,
    AuthenticationFailed,
    InvalidRequest,
    RepositoryNotFound,
    Unreachable,
)
from ebbflow.domain.providers import ProviderAccount
from tests.support.gitserver import Authority
from tests.support.memory_cluster import ManualClock
from tests.support.providers.fakes import FakeGitea, FakeGitHub, FakeGitLab
from tests.support.providers.server import LOGIN, TOKEN, FakeProvider, ids, look_up

# Refusals and wrong answers


async def test_a_403_says_what_the_provider_says_without_the_token(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    body = {"message": f"Resource not accessible by {TOKEN}\x1b[31m"}
    github.faults.append(lambda: web.json_response(body, status=403))
    with pytest.raises(AuthenticationFailed, match="Resource not accessible by …") as caught:
        await ids(apis, github)
    assert TOKEN not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "cannot be understood", id="empty"),
        pytest.param(b"<html>Sign in</html>", "cannot be understood", id="a page"),
        pytest.param(b'[{"number": 1', "cannot be understood", id="cut off"),
        pytest.param(b"[" * 100_000, "cannot be understood", id="deep"),
        pytest.param(b'{"number": 1}', "cannot be understood", id="no list"),
        pytest.param(b'[{"number": "x"}]', r"at 0\.number", id="wrong type"),
        pytest.param(b'[{"number": 1, "title": "\\ud800"}]', "understood", id="no Unicode"),
    ],
)
async def test_an_answer_that_is_not_as_documented_is_an_error_and_no_empty_list(
    apis: ProviderApis, github: FakeGitHub, body: bytes, words: str
) -> None:
    github.faults.append(lambda: web.Response(body=body))
    with pytest.raises(Unreachable, match=words):
        await ids(apis, github)


@pytest.mark.parametrize("status", [500, 502, 503, 204, 304])
async def test_a_server_in_trouble_is_asked_again_later(
    apis: ProviderApis, github: FakeGitHub, status: int
) -> None:
    github.faults.append(lambda: web.Response(status=status))
    with pytest.raises(Unreachable, match=f"HTTP {status}"):
        await ids(apis, github)
    assert await ids(apis, github) == []


async def test_an_answer_has_so_many_bytes_at_most(apis: ProviderApis, github: FakeGitHub) -> None:
    huge = json.dumps([{"body": "x" * MAX_PAGE_BYTES}]).encode()
    github.faults.append(lambda: web.Response(body=huge))
    with pytest.raises(Unreachable, match="more than 8388608 bytes"):
        await ids(apis, github)


async def test_who_does_not_answer_in_time_is_left(github: FakeGitHub) -> None:
    http = AioHttpClient((), look_up, allow_insecure_http=True, seconds=0.2)
    github.released.clear()
    with pytest.raises(Unreachable, match="did not answer within"):
        await ids(ProviderApis(http, ManualClock()), github)
    await http.close()


async def test_the_token_follows_no_redirect_to_another_server(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    async with FakeGitHub() as other:
        target = other.server + "/api/v3/repos/acme/shop/pulls"
        github.faults.append(lambda: web.Response(status=301, headers={"Location": target}))
        with pytest.raises(Unreachable, match="redirects to another place"):
            await ids(apis, github)
        assert other.seen == []


async def test_a_repository_that_was_renamed_is_found(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    await github.open_pull("a")
    there = "/api/v3/repos/acme/shop/pulls?state=open&page=1&per_page=50"
    github.faults.append(lambda: web.Response(status=301, headers={"Location": there}))
    assert await ids(apis, github) == [1]


async def test_a_link_leads_nowhere_but_to_the_next_number(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    link = {"Link": '<http://169.254.169.254/latest>; rel="next"'}
    github.faults.append(lambda: web.json_response([], headers=link))
    assert await ids(apis, github) == []
    assert [seen.query["page"] for seen in github.seen] == ["1", "2", "1"]


# Addresses


@pytest.mark.parametrize(
    ("server", "asked"),
    [
        pytest.param("https://github.com", "https://api.github.com/", id="hosted"),
        pytest.param("https://acme.ghe.com", "https://api.acme.ghe.com/", id="data residence"),
        pytest.param("https://git.acme.dev", "https://git.acme.dev/api/v3/", id="a server"),
    ],
)
async def test_the_token_goes_to_the_api_of_its_server_alone(
    clock: ManualClock, server: str, asked: str
) -> None:
    only_others = AioHttpClient(("other.example",), look_up, allow_insecure_http=False)
    account = ProviderAccount("GitHub", server)
    with pytest.raises(AddressNotAllowed) as caught:
        await ProviderApis(only_others, clock).pull_requests(account, f"{server}/acme/shop")
    assert asked in str(caught.value)
    await only_others.close()


@pytest.mark.parametrize(
    "path",
    ["shop", "a/b/c", "acme//shop", "acme/..", "acme/%2e%2e", "acme/%2e%2e%2fuser%3fx"],
)
async def test_an_address_that_names_no_repository_is_told(
    apis: ProviderApis, github: FakeGitHub, path: str
) -> None:
    with pytest.raises(InvalidRequest, match="names no repository"):
        await apis.pull_requests(github.account, f"{github.server}/{path}")
    assert github.seen == []


async def test_a_path_cannot_lead_to_another_question(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    with pytest.raises(RepositoryNotFound):
        await apis.pull_requests(github.account, f"{github.server}/acme/x%3Fstate=all%23")
    assert github.seen[0].path == "/api/v3/repos/acme/x?state=all#/pulls"
    assert github.seen[0].query["state"] == "open"


async def test_a_server_below_a_path_is_asked_there(apis: ProviderApis) -> None:
    async with FakeGitLab() as server:
        server.prefix = "/gitlab/api/v4"
        await server.open_pull("a")
        account = replace(server.account, server=f"{server.server}/gitlab")
        found = await apis.pull_requests(account, f"{server.server}/gitlab/acme/shop.git")
        assert [pull.id for pull in found.pulls] == [1]


async def test_certificates_that_cannot_be_read_are_named(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    account = replace(github.account, ca_bundle="no certificates")
    with pytest.raises(InvalidRequest, match=r"spec\.caBundle holds no certificates"):
        await apis.pull_requests(account, github.repository)


async def test_a_server_is_trusted_by_the_authority_of_its_account_alone(
    apis: ProviderApis, tmp_path: Path
) -> None:
    authority = Authority()
    async with FakeGitHub(authority.server_context(tmp_path)) as server:
        for bundle in (None, Authority().pem):
            with pytest.raises(Unreachable, match="certificate is not trusted"):
                await apis.identity(replace(server.account, ca_bundle=bundle))
        found = await apis.identity(replace(server.account, ca_bundle=authority.pem))
        assert found.login == LOGIN


# Scopes


@pytest.mark.parametrize(
    ("fake", "held", "missing"),
    [
        pytest.param(FakeGitHub, ("read:org",), ("repo",), id="GitHub"),
        pytest.param(FakeGitHub, ("repo",), (), id="GitHub-repo"),
        pytest.param(FakeGitHub, ("public_repo",), (), id="GitHub-public"),
        pytest.param(FakeGitLab, ("read_api",), ("write_repository",), id="GitLab"),
        pytest.param(FakeGitLab, ("read_user",), ("read_api", "write_repository"), id="GitLab-few"),
        pytest.param(
            FakeGitea, ("read:user",), ("read:organization", "read:repository"), id="Gitea"
        ),
    ],
)
async def test_scopes_that_are_missing_are_named(
    apis: ProviderApis, fake: type[FakeProvider], held: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    async with fake() as server:
        server.scoped(*held)
        assert (await apis.identity(server.account)).missing_scopes == missing


async def test_an_app_is_nobody_and_reads_all_the_same(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    body = {"message": "Resource not accessible by integration"}
    github.faults.append(lambda: web.json_response(body, status=403))
    assert (await apis.identity(github.account)).login is None
