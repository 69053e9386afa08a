"""The supervision of the watches: started again, never deaf, and honest about what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import aiohttp
import pytest
from yarl import URL

from ebbflow.adapters.kube.watching import WatchRecord
from ebbflow.api.kinds import KINDS
from ebbflow.handlers.watches import (
    DEAF_AFTER,
    FIRST_BACKOFF,
    GIVE_UP_AFTER,
    LAST_BACKOFF,
    Deaf,
    Watches,
    watch_paths,
)
from tests.support.memory_cluster import ManualClock

TEMPLATES = "/apis/ebbflow.dev/v1alpha1/templates"
ACCOUNTS = "/apis/ebbflow.dev/v1alpha1/gitaccounts"
RUNS = "/apis/ebbflow.dev/v1alpha1/runs"
TRIGGERS = "/apis/ebbflow.dev/v1alpha1/gittriggers"
ALL = (TEMPLATES, ACCOUNTS)
NO_CRD = "the CustomResourceDefinition templates.ebbflow.dev is missing"


class CannotConnect(Exception):
    """What ends kopf in these tests, before it sends anything."""


class Stop(BaseException):
    """Ends a test from within; no Exception, for those are survived."""


class Fixture:
    """Watches whose kopf ends as soon as it wants a session; time passes only by sleeping."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.record = WatchRecord(self.clock)
        self.answers: list[Sequence[str]] = []  # what is missing, call by call; then nothing is
        self.starts = 0
        self.pauses: list[float] = []
        self.backoffs: list[float] = []  # the pauses right before a start
        self.on_start: Callable[[int], object] = lambda _: None
        self.on_pause: Callable[[], object] = lambda: None
        self.watches = Watches(
            register=lambda _: None,
            open_session=self.open_session,
            server="http://127.0.0.1:1",
            record=self.record,
            missing=self.missing,
            paths=ALL,
            namespaces=(),
            clock=self.clock,
            sleep=self.sleep,
        )

    async def missing(self) -> Sequence[str]:
        return self.answers.pop(0) if self.answers else ()

    async def open_session(self) -> aiohttp.ClientSession:
        self.starts += 1
        self.backoffs += self.pauses[-1:]
        if asyncio.iscoroutine(lasting := self.on_start(self.starts)):
            await lasting
        raise CannotConnect(f"try {self.starts}")

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        self.on_pause()
        await asyncio.sleep(0)

    def answer(self, path: str, status: int | None = 200, *, watch: bool = True) -> None:
        self.record.note(URL(f"http://x{path}{'?watch=true' if watch else ''}"), status)

    def answer_all(self) -> None:
        for path in ALL:
            self.answer(path)


@pytest.fixture
async def at() -> Fixture:
    return Fixture()


def stop_at(start: int) -> Callable[[int], None]:
    def act(number: int) -> None:
        if number == start:
            raise Stop

    return act


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        pytest.param((), {TEMPLATES, ACCOUNTS, RUNS, TRIGGERS}, id="all"),
        pytest.param(
            ("a", "b"),
            {
                f"/apis/ebbflow.dev/v1alpha1/namespaces/{namespace}/{plural}"
                for namespace in "ab"
                for plural in ("templates", "gitaccounts", "runs", "gittriggers")
            },
            id="two",
        ),
    ],
)
def test_each_kind_is_watched_in_each_namespace_or_in_all(
    namespaces: Sequence[str], expected: set[str]
) -> None:
    assert set(watch_paths(KINDS, namespaces)) == expected


# What is said about them


def test_at_first_they_are_being_set_up(at: Fixture) -> None:
    assert at.watches.problems()[0] == "the watches are being set up"


async def test_they_are_in_place_when_the_server_accepted_every_one(at: Fixture) -> None:
    await at.watches._wait_until_served()
    at.answer(TEMPLATES)
    assert at.watches.problems() == [f"{ACCOUNTS} is not being watched"]
    at.answer(ACCOUNTS, watch=False)
    assert at.watches.problems() == [f"{ACCOUNTS} is not being watched"]
    at.answer(ACCOUNTS)
    assert at.watches.problems() == []


@pytest.mark.parametrize("status", [None, 403, 410, 500], ids=str)
@pytest.mark.parametrize("watch", [True, False], ids=["watch", "list"])
async def test_one_that_could_not_be_taken_up_again_is_named_until_it_is(
    at: Fixture, status: int | None, watch: bool
) -> None:
    await at.watches._wait_until_served()
    at.answer_all()
    at.answer(TEMPLATES, status, watch=watch)
    assert at.watches.problems() == [f"{TEMPLATES} is not being watched"]
    at.answer(TEMPLATES, watch=False)
    assert at.watches.problems() == [f"{TEMPLATES} is not being watched"]
    at.answer(TEMPLATES)
    assert at.watches.problems() == []


async def test_they_live_while_every_one_is_answered_now_and_then(at: Fixture) -> None:
    await at.watches._wait_until_served()
    at.answer_all()
    for _ in range(10):
        at.clock.advance(DEAF_AFTER - 1)
        assert at.watches.is_alive()
        at.answer_all()


async def test_a_single_one_that_is_silent_for_too_long_is_deaf(at: Fixture) -> None:
    await at.watches._wait_until_served()
    at.answer_all()
    at.clock.advance(DEAF_AFTER - 1)
    at.answer(TEMPLATES)
    at.clock.advance(2)
    assert not at.watches.is_alive()
    at.answer(ACCOUNTS)
    assert at.watches.is_alive()


async def test_one_that_never_came_is_deaf_after_as_long(at: Fixture) -> None:
    await at.watches._wait_until_served()
    at.answer(TEMPLATES)
    at.clock.advance(DEAF_AFTER + 1)
    at.answer(TEMPLATES)
    assert not at.watches.is_alive()


async def test_they_are_not_called_deaf_while_there_is_nothing_to_hear(at: Fixture) -> None:
    at.clock.advance(DEAF_AFTER * 10)
    assert at.watches.is_alive()


# Starting them


async def test_nothing_is_started_while_something_is_missing_and_readiness_says_what(
    at: Fixture,
) -> None:
    at.answers = [[NO_CRD]] * 6
    said = []
    at.on_pause = lambda: said.append(at.watches.problems()[0])
    at.on_start = stop_at(1)
    with pytest.raises(Stop):
        await at.watches.run()
    assert said[:6] == [NO_CRD] * 6
    assert at.pauses[:6] == sorted(at.pauses[:6])
    assert max(at.pauses[:6]) <= 5


async def test_what_is_missing_for_long_is_no_reason_to_end(at: Fixture) -> None:
    at.answers = [[NO_CRD]] * 1000
    at.on_start = stop_at(1)
    with pytest.raises(Stop):
        await at.watches.run()
    assert at.clock.monotonic() > GIVE_UP_AFTER * 10


async def test_they_are_started_again_with_growing_pauses_until_they_are_given_up(
    at: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Deaf, match="ending, so that a fresh process can try"):
        await at.watches.run()
    assert at.backoffs[:6] == [FIRST_BACKOFF, 2, 4, 8, 16, LAST_BACKOFF]
    assert at.backoffs[-1] == LAST_BACKOFF
    assert GIVE_UP_AFTER < at.clock.monotonic() < GIVE_UP_AFTER + 2 * LAST_BACKOFF
    assert "the watches ended: try 1; starting them again" in caplog.text


async def test_a_full_set_makes_the_next_pause_short_again(at: Fixture) -> None:
    def act(number: int) -> None:
        if number == 4:
            at.answer_all()
        stop_at(6)(number)

    at.on_start = act
    with pytest.raises(Stop):
        await at.watches.run()
    assert at.backoffs == [FIRST_BACKOFF, 2, 4, FIRST_BACKOFF, 2]


async def test_a_kopf_that_runs_on_without_a_full_set_is_given_up_too(at: Fixture) -> None:
    async def last() -> None:
        at.answer(TEMPLATES)
        await asyncio.Event().wait()

    at.on_start = lambda _: last()
    with pytest.raises(Deaf):
        await at.watches.run()
    assert at.starts == 1


async def test_a_kopf_that_runs_well_is_left_alone(at: Fixture) -> None:
    async def last() -> None:
        at.answer_all()
        while at.clock.monotonic() < GIVE_UP_AFTER * 3:  # noqa: ASYNC110 - a clock of our own
            await asyncio.sleep(0)
        raise Stop

    at.on_start = lambda _: last()
    with pytest.raises(Stop):
        await at.watches.run()
    assert at.starts == 1


async def test_a_long_time_as_standby_does_not_count_as_deafness(at: Fixture) -> None:
    at.clock.advance(GIVE_UP_AFTER * 10)
    at.on_start = stop_at(4)
    with pytest.raises(Stop):
        await at.watches.run()
    assert at.starts == 4
