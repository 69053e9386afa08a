"""https with an authority of one's own: only with the account's caBundle, never unverified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.env.conftest import GIT_USER, Shared
from tests.support.builders import git_account, secret
from tests.support.gitserver import Authority, FaultyGitServer
from tests.support.synced import PATH, SHOP, Scene, Synced, attach

FIVE = SHOP.replace(b'"2"', b'"5"')


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def secure(shared: Shared, authority: Authority, tmp_path: Path) -> Iterator[FaultyGitServer]:
    """A Git server that speaks https, with a certificate of the authority."""
    (tmp_path / "git").mkdir()
    with FaultyGitServer(
        tmp_path / "git",
        username=GIT_USER,
        password=shared.canary.value,
        tls=authority.server_context(tmp_path),
    ) as server:
        yield server


def start(
    shared: Shared, server: FaultyGitServer, name: str, authority: Authority | None
) -> Synced:
    login = secret(name).within(shared.namespace).for_hosts("127.0.0.1")
    shared.kubectl.create(login.with_login(GIT_USER, shared.canary.value).build())
    account = git_account(name).within(shared.namespace).using(name)
    if authority is not None:
        account = account.spec(caBundle=authority.pem)
    shared.kubectl.create(account.build())
    server.create_repository(name, {PATH: SHOP})
    scene = Scene(shared.kubectl, server, shared.namespace, name)
    return attach(scene, name, name, ready=authority is not None)


def test_a_certificate_of_the_accounts_authority_is_trusted(
    shared: Shared, secure: FaultyGitServer, authority: Authority
) -> None:
    shop = start(shared, secure, "trusted", authority)
    assert shop.url.startswith("https://")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    shop.wait_commit(shop.head())


def test_an_unknown_authority_is_said_with_where_it_belongs(
    shared: Shared, secure: FaultyGitServer, authority: Authority
) -> None:
    shop = start(shared, secure, "untrusted", None)
    shop.wait("False", "GitUnreachable")
    message = shop.ready()[2]
    assert "its certificate is not trusted" in message
    assert "spec.caBundle" in message
    # Nobody got the password: the handshake comes before the first request.
    assert secure.seen == []
    bundle = {"spec": {"caBundle": authority.pem}}
    shared.kubectl.patch("GitAccount", "untrusted", shared.namespace, bundle)
    shop.wait(reason="InStep")


def test_another_authority_is_no_better_than_none(shared: Shared, secure: FaultyGitServer) -> None:
    shop = start(shared, secure, "other-authority", None)
    bundle = {"spec": {"caBundle": Authority().pem}}
    shared.kubectl.patch("GitAccount", "other-authority", shared.namespace, bundle)
    shop.wait("False", "GitUnreachable")
    assert "its certificate is not trusted" in shop.ready()[2]
    assert secure.seen == []
