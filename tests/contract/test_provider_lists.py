"""What reading the lists of providers costs, while they change, and when requests are used up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from ebbflow.adapters.providers import ProviderApis
from ebbflow.adapters.providers.listing import MAX_PAGES
from ebbflow.domain.git import (
    AuthenticationFailed,
    Unreachable,
)
from ebbflow.domain.providers import Allowance
from tests.support.memory_cluster import ManualClock
from tests.support.providers.fakes import FakeGitHub
from tests.support.providers.server import ids

# What a look costs


async def test_a_look_at_what_did_not_change_costs_nothing(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    await github.open_pull("a")
    for _ in range(3):
        assert await ids(apis, github) == [1]
    assert [seen.status for seen in github.seen] == [200, 304, 304]


async def test_several_pages_are_read_twice_once_and_then_for_nothing(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    github.cap = 2
    for name in "abcde":
        await github.open_pull(name)
    assert await ids(apis, github) == [5, 4, 3, 2, 1]
    assert [seen.status for seen in github.seen] == [200] * 3 + [304] * 3
    github.seen.clear()
    assert await ids(apis, github) == [5, 4, 3, 2, 1]
    assert [seen.status for seen in github.seen] == [304] * 3


async def test_a_token_sees_nothing_of_what_another_was_told(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    await github.open_pull("a")
    await ids(apis, github)
    with pytest.raises(AuthenticationFailed):
        await apis.pull_requests(github.account_with("other"), github.repository)
    assert "If-None-Match" not in github.seen[-1].headers


async def test_a_pull_request_that_is_reopened_behind_a_full_page_is_found(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    for number in range(51):
        await github.open_pull(f"branch-{number}")
    oldest = github.pulls.pop(1)
    assert len(await ids(apis, github)) == 50
    github.pulls[1] = oldest
    assert len(await ids(apis, github)) == 51


# Lists that change while they are read


async def test_a_pull_request_that_slips_between_two_pages_is_not_lost(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    github.cap = 2
    for name in "abcd":
        await github.open_pull(name)

    def close_the_newest() -> None:
        github.pulls.pop(4, None)

    github.between = close_the_newest
    assert await ids(apis, github) == [3, 2, 1]


async def test_a_list_that_never_holds_still_is_not_taken(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    github.cap = 1
    await github.open_pull("a")
    pull = await github.open_pull("b")

    def replace_the_newest() -> None:
        newest = max(github.pulls)
        del github.pulls[newest]
        github.pulls[newest + 1] = replace(pull, id=newest + 1)

    github.between = replace_the_newest
    with pytest.raises(Unreachable, match="changed each time"):
        await ids(apis, github)


async def test_a_list_without_end_is_said_to_be_incomplete(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    github.cap = 1
    for number in range(MAX_PAGES + 3):
        await github.open_pull(f"branch-{number}")
    listing = await apis.pull_requests(github.account, github.repository)
    assert not listing.complete
    assert len(listing.pulls) == MAX_PAGES


# Used up allowances


async def test_the_allowance_is_told(apis: ProviderApis, github: FakeGitHub) -> None:
    assert apis.allowance(github.account) is None
    github.extra = {"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "1800000000"}
    await ids(apis, github)
    resets = datetime.fromtimestamp(1800000000, UTC)
    assert apis.allowance(github.account) == Allowance(4999, resets)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(429, {"Retry-After": "30"}, 30, id="429 with Retry-After"),
        pytest.param(403, {"Retry-After": "90"}, 90, id="403 with Retry-After"),
        pytest.param(429, {}, 60, id="429 without a time"),
        pytest.param(429, {"Retry-After": "999999"}, 3600, id="at most an hour"),
        pytest.param(
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767323345"},
            300,
            id="403 with nothing left",
        ),
    ],
)
async def test_who_is_told_to_wait_sends_nothing_until_then(
    apis: ProviderApis,
    github: FakeGitHub,
    clock: ManualClock,
    status: int,
    headers: dict[str, str],
    seconds: int,
) -> None:
    assert clock.now() == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    github.faults.append(lambda: web.json_response({}, status=status, headers=headers))
    with pytest.raises(Unreachable, match="no more requests") as caught:
        await ids(apis, github)
    assert caught.value.retry_after == timedelta(seconds=seconds)
    clock.advance(seconds - 1)
    with pytest.raises(Unreachable, match="for 1 s"):
        await ids(apis, github)
    assert len(github.seen) == 1
    clock.advance(1)
    assert await ids(apis, github) == []


async def test_a_secondary_limit_is_told_by_its_words(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    body = {"message": "You have exceeded a secondary rate limit. Please wait."}
    github.faults.append(lambda: web.json_response(body, status=403))
    with pytest.raises(Unreachable) as caught:
        await ids(apis, github)
    assert caught.value.retry_after == timedelta(minutes=1)


async def test_the_limit_of_one_token_stops_no_other(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    github.faults.append(lambda: web.json_response({}, status=429))
    with pytest.raises(Unreachable):
        await apis.pull_requests(github.account_with("other"), github.repository)
    assert await ids(apis, github) == []


async def test_two_looks_at_once_do_not_disturb_each_other(
    apis: ProviderApis, github: FakeGitHub
) -> None:
    github.cap = 1
    for name in "abc":
        await github.open_pull(name)
    looks = await asyncio.gather(*(ids(apis, github) for _ in range(5)))
    assert looks == [[3, 2, 1]] * 5
