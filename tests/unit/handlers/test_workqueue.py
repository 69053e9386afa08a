"""The work queue: each key at most once, never two passes at a time, own writes passed over."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from ebbflow.adapters.kube.own_writes import REMEMBERED, OwnWrites
from ebbflow.api.base import Key
from ebbflow.handlers.workqueue import LAST_BACKOFF, Version, WorkQueue
from ebbflow.services.schedule import Schedule
from tests.support.memory_cluster import ManualClock
from tests.unit.handlers.taken import taken

A = Key("Template", "default", "a")
B = Key("Template", "default", "b")


class Counted:
    """QueueMetrics that remembers the depth and the retries."""

    def __init__(self) -> None:
        self.depth = 0
        self.retries = 0

    def queue_added(self, kind: str) -> None:
        """Not looked at."""

    def queue_depth(self, kind: str, n: int) -> None:
        self.depth = n

    def queue_taken(self, kind: str, waited_seconds: float) -> None:
        """Not looked at."""

    def retried(self, kind: str) -> None:
        self.retries += 1


class Fixture:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.own = OwnWrites()
        self.metrics = Counted()
        self.schedule = Schedule(self.clock)
        self.queue = WorkQueue(self.schedule, self.own, self.metrics, self.clock, Random(1))

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.schedule._run_due()


@pytest.fixture
async def at() -> Fixture:
    return Fixture()


async def test_a_key_added_twice_is_taken_once(at: Fixture) -> None:
    at.queue.add(A)
    at.queue.add(A)
    assert at.metrics.depth == 1
    assert await taken(at.queue) == A
    at.queue.done(A)
    assert await taken(at.queue) is None


async def test_keys_come_in_the_order_in_which_they_were_added(at: Fixture) -> None:
    at.queue.add(B)
    at.queue.add(A)
    assert [await taken(at.queue), await taken(at.queue)] == [B, A]


async def test_kinds_take_turns_so_that_none_waits_for_all_of_another(at: Fixture) -> None:
    many = [Key("Template", "default", str(n)) for n in range(4)]
    runs = [Key("Run", "default", str(n)) for n in range(2)]
    for key in (*many, *runs):
        at.queue.add(key)
    order = [await taken(at.queue) for _ in range(6)]
    assert order == [many[0], runs[0], many[1], runs[1], many[2], many[3]]
    assert await taken(at.queue) is None


async def test_a_key_under_work_waits_until_it_is_given_back(at: Fixture) -> None:
    at.queue.add(A)
    await taken(at.queue)
    at.queue.add(A)
    assert await taken(at.queue) is None
    at.queue.done(A)
    assert await taken(at.queue) == A


async def test_an_event_of_our_own_write_needs_no_pass(at: Fixture) -> None:
    at.queue.add(A, Version("u", "7"))
    at.own.note("u", "7")
    assert await taken(at.queue) is None
    assert at.metrics.depth == 0


async def test_an_event_that_arrives_before_the_answer_to_its_write_needs_no_pass(
    at: Fixture,
) -> None:
    at.queue.add(A)
    await taken(at.queue)
    at.queue.add(A, Version("u", "7"))
    at.own.note("u", "7")
    at.queue.done(A)
    assert await taken(at.queue) is None


async def test_an_event_of_our_own_write_is_passed_over_before_the_write_is_forgotten(
    at: Fixture,
) -> None:
    at.queue.add(A, Version("uid", "1"))
    await taken(at.queue)
    at.queue.add(B)
    at.queue.add(A, Version("uid", "2"))
    at.own.note("uid", "2")
    at.queue.done(A)
    at.queue.add(A, Version("uid", "2"))
    assert at.metrics.depth == 1
    for n in range(REMEMBERED):
        at.own.note("another", str(n))
    assert [await taken(at.queue), await taken(at.queue)] == [B, None]


@pytest.mark.parametrize("order", [("7", "8"), ("8", "7")], ids=["own-first", "own-last"])
async def test_a_foreign_event_beside_our_own_needs_a_pass(
    at: Fixture, order: tuple[str, str]
) -> None:
    at.own.note("u", "7")
    for version in order:
        at.queue.add(A, Version("u", version))
    assert await taken(at.queue) == A


async def test_a_forced_key_is_taken_whatever_the_events(at: Fixture) -> None:
    at.own.note("u", "7")
    at.queue.add(A, Version("u", "7"))
    at.queue.add(A)
    assert await taken(at.queue) == A


async def test_a_delayed_key_comes_at_its_time(at: Fixture) -> None:
    at.queue.add_after(A, 5)
    at.pass_time(4.9)
    assert await taken(at.queue) is None
    at.pass_time(0.2)
    assert await taken(at.queue) == A


async def test_a_later_delay_replaces_an_earlier_one(at: Fixture) -> None:
    at.queue.add_after(A, 5)
    at.queue.add_after(A, 50)
    at.pass_time(10)
    assert await taken(at.queue) is None


async def test_a_cancelled_delay_does_not_come(at: Fixture) -> None:
    at.queue.add_after(A, 5)
    at.queue.cancel_delayed(A)
    at.pass_time(10)
    assert await taken(at.queue) is None


async def test_failures_in_a_row_wait_longer_and_longer(at: Fixture) -> None:
    waits = [at.queue.back_off(A) for _ in range(12)]
    assert all(wait <= LAST_BACKOFF for wait in waits)
    assert waits[5] > waits[0] * 4
    assert at.metrics.retries == 12
    at.queue.forget(A)
    assert at.queue.back_off(A) <= 0.5


async def test_a_closed_queue_hands_nothing_out(at: Fixture) -> None:
    waiting = asyncio.create_task(at.queue.take())
    await asyncio.sleep(0)
    at.queue.add(A)
    at.queue.close()
    assert await waiting in (A, None)
    assert await at.queue.take() is None
