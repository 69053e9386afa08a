"""What becomes of a pass: its outcome decides when the object is looked at again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from random import Random

import pytest

from ebbflow.api.base import Key
from ebbflow.api.reasons import Reason
from ebbflow.api.template import Template
from ebbflow.domain.outcome import Done, Notice, Outcome, Postponed, Report, Stalled, Waiting
from ebbflow.domain.ports import ClusterError, InvalidObject, StaleWrite
from ebbflow.handlers.loop import Loop
from ebbflow.handlers.workqueue import WorkQueue
from ebbflow.services.schedule import Schedule
from tests.support.memory_cluster import ManualClock, MemoryCluster

SHOP, INN = Key("Template", "default", "shop"), Key("Template", "default", "inn")
SYNC = {"commit": "c" * 40}

Pass = Callable[[], Awaitable[Report | Postponed | None]]


class Counted:
    """The metrics of the loop and of the queue, as far as they are looked at."""

    def __init__(self) -> None:
        self.results: list[str] = []
        self.active: list[int] = []

    def pass_finished(self, kind: str, result: str, seconds: float) -> None:
        self.results.append(result)

    def workers(self, kind: str, active: int) -> None:
        self.active.append(active)

    def queue_added(self, kind: str) -> None:
        """Not looked at."""

    def queue_depth(self, kind: str, depth: int) -> None:
        """Not looked at."""

    def queue_taken(self, kind: str, waited_seconds: float) -> None:
        """Not looked at."""

    def retried(self, kind: str) -> None:
        """Not looked at."""


class Statuses:
    """A status writer that keeps the reports, or fails."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.failures: list[Exception] = []
        self.stored: Template | None = None

    async def write(self, report: Report) -> Template | None:
        if self.failures:
            raise self.failures.pop(0)
        self.reports.append(report)
        return self.stored


class Fixture:
    """A loop whose passes are the functions in `passes`; those that are not there do nothing."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.metrics = Counted()
        self.statuses = Statuses()
        self.schedule = Schedule(self.clock)
        self.passes: dict[Key, list[Pass]] = {}
        self.made: list[Key] = []
        self.queue = WorkQueue(self.schedule, NothingIsOurs(), self.metrics, self.clock, Random(1))
        self.loop = Loop({"Template": self}, self.statuses, self.queue, self.metrics, self.clock)
        self.template = _template()

    async def reconcile(self, key: Key) -> Report | Postponed | None:
        self.made.append(key)
        waiting = self.passes.get(key)
        return await waiting.pop(0)() if waiting else None

    def outcome(self, key: Key, outcome: Outcome, *notices: Notice) -> None:
        async def answer() -> Report:
            return Report(self.template, outcome, {"sync": SYNC}, notices)

        self.passes.setdefault(key, []).append(answer)

    def failure(self, key: Key, error: BaseException) -> None:
        async def fail() -> Report:
            raise error

        self.passes.setdefault(key, []).append(fail)

    async def work_off(self, *keys: Key) -> None:
        """Add the keys and wait until there is a result for each."""
        wanted = len(self.metrics.results) + len(keys)
        for key in keys:
            self.queue.add(key)
        await until(lambda: len(self.metrics.results) >= wanted)

    def due_within(self, key: Key, seconds: float) -> bool:
        """Whether a pass is asked for in this time; the clock moves on so far."""
        before = ("pass", key) in self.schedule
        self.clock.advance(seconds)
        self.schedule._run_due()
        return before and ("pass", key) not in self.schedule


async def until(check: Callable[[], object]) -> None:
    """Let the loop work until the check is true."""
    async with asyncio.timeout(5):
        while not check():  # noqa: ASYNC110 - any condition, of the code under test
            await asyncio.sleep(0)


class NothingIsOurs:
    def is_own(self, uid: str, resource_version: str) -> bool:
        return False

    def hold(self, uid: str, then: Callable[[], None]) -> bool:
        return False


def _template() -> Template:
    cluster = MemoryCluster()
    cluster.put({"kind": "Template", "metadata": {"name": "shop"}, "spec": {}})

    def add_status(raw: dict[str, object]) -> None:
        raw["status"] = {"sync": SYNC}

    cluster.edit(SHOP, add_status)
    return cluster.template()


@pytest.fixture
async def at() -> AsyncIterator[Fixture]:
    """A loop with two workers."""
    made = Fixture()
    working = asyncio.create_task(made.loop.run(2))
    yield made
    made.loop.close()
    await asyncio.wait_for(working, 5)


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("outcome", "result", "after"),
    [
        pytest.param(Done(Reason.IN_STEP, "ok"), "success", None, id="done"),
        pytest.param(Done(Reason.IN_STEP, "ok", MINUTE), "requeue_after", 60, id="done-again"),
        pytest.param(
            Waiting(Reason.CLUSTER_ERROR, "busy", MINUTE), "requeue_after", 60, id="waiting"
        ),
        pytest.param(Stalled(Reason.INVALID_SPEC, "bad"), "success", None, id="stalled"),
        pytest.param(
            Stalled(Reason.INVALID_SPEC, "bad", MINUTE), "requeue_after", 60, id="stalled-recheck"
        ),
    ],
)
async def test_the_outcome_says_when_to_look_again(
    at: Fixture, outcome: Outcome, result: str, after: float | None
) -> None:
    at.outcome(SHOP, outcome)
    await at.work_off(SHOP)
    assert at.metrics.results == [result]
    assert [report.outcome for report in at.statuses.reports] == [outcome]
    if after is None:
        assert ("pass", SHOP) not in at.schedule
    else:
        assert not at.due_within(SHOP, after - 0.1)
        assert at.due_within(SHOP, 0.2)


async def test_an_object_that_is_gone_needs_no_status(at: Fixture) -> None:
    await at.work_off(SHOP)
    assert (at.metrics.results, at.statuses.reports) == (["success"], [])


async def test_a_postponed_pass_is_made_later_and_writes_nothing(at: Fixture) -> None:
    async def postpone() -> Postponed:
        return Postponed(timedelta(seconds=2))

    at.passes[SHOP] = [postpone]
    await at.work_off(SHOP)
    assert at.metrics.results == ["requeue_after"]
    assert at.statuses.reports == []
    assert not at.due_within(SHOP, 1.9)
    assert at.due_within(SHOP, 0.1)


async def test_a_pass_replaces_the_one_that_was_asked_for_later(at: Fixture) -> None:
    at.queue.add_after(SHOP, 60)
    await at.work_off(SHOP)
    assert ("pass", SHOP) not in at.schedule


async def test_somebody_elses_change_is_met_by_a_new_pass_at_once_and_is_no_error(
    at: Fixture,
) -> None:
    at.failure(SHOP, StaleWrite("changed", code=409))
    await at.work_off(SHOP)
    assert at.metrics.results == ["requeue"]
    assert at.due_within(SHOP, 0.5)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ClusterError("no room", code=500), id="refused by the API server"),
        pytest.param(ZeroDivisionError("a bug"), id="a bug"),
        pytest.param(ExceptionGroup("several", [ValueError("x")]), id="several errors"),
    ],
)
async def test_a_failed_pass_backs_off_longer_each_time_and_says_so(
    at: Fixture, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        at.failure(SHOP, error)
    waits = []
    for _ in range(5):
        await at.work_off(SHOP)
        waits.append(_seconds(caplog.records[-1]))
        at.due_within(SHOP, 120)
    assert at.metrics.results == ["error"] * 5
    assert waits[4] > waits[0] * 3
    assert str(SHOP) in caplog.records[0].getMessage()


def _seconds(record: logging.LogRecord) -> float:
    return float(record.getMessage().split()[-2])


async def test_a_good_pass_ends_the_backing_off(
    at: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(6):
        at.failure(SHOP, ZeroDivisionError())
        await at.work_off(SHOP)
    at.outcome(SHOP, Done(Reason.IN_STEP, "ok"))
    await at.work_off(SHOP)
    at.failure(SHOP, ZeroDivisionError())
    caplog.clear()
    await at.work_off(SHOP)
    assert _seconds(caplog.records[-1]) <= 0.5


async def test_one_bad_object_does_not_stop_the_others(at: Fixture) -> None:
    at.failure(SHOP, ZeroDivisionError())
    at.outcome(INN, Done(Reason.IN_STEP, "ok"))
    await at.work_off(SHOP, INN)
    assert at.metrics.results == ["error", "success"]


async def test_a_live_object_that_does_not_fit_is_stalled_and_keeps_the_rest_of_its_status(
    at: Fixture,
) -> None:
    at.failure(SHOP, InvalidObject("spec.interval: must be a duration", at.template))
    await at.work_off(SHOP)
    (report,) = at.statuses.reports
    assert isinstance(report.outcome, Stalled)
    assert report.outcome.reason is Reason.INVALID_SPEC
    assert report.outcome.message == "spec.interval: must be a duration"
    assert report.status["sync"] == SYNC
    assert at.metrics.results == ["error"]
    assert ("pass", SHOP) not in at.schedule


async def test_an_object_that_cannot_even_be_named_is_only_logged(
    at: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    at.failure(SHOP, InvalidObject("metadata: is missing"))
    await at.work_off(SHOP)
    assert at.statuses.reports == []
    assert "metadata: is missing" in caplog.text


async def test_a_status_that_cannot_be_written_is_written_by_a_later_pass(at: Fixture) -> None:
    at.statuses.failures = [ClusterError("no room", code=500)]
    for _ in range(2):
        at.outcome(SHOP, Done(Reason.IN_STEP, "ok"))
    await at.work_off(SHOP)
    assert at.due_within(SHOP, 0.5)
    await until(lambda: at.statuses.reports and len(at.metrics.results) == 2)
    assert at.metrics.results == ["error", "success"]


async def test_what_users_see_as_events_is_logged(
    at: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reverted = Notice(Reason.EDIT_REVERTED, "an edit was reverted", warning=True)
    at.outcome(SHOP, Stalled(Reason.CONFLICT, "Both sides changed"), reverted)
    await at.work_off(SHOP)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "EditReverted: an edit was reverted"),
        ("WARNING", "Conflict: Both sides changed"),
    ]


async def test_no_more_passes_run_at_once_than_there_are_workers(at: Fixture) -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    keys = [Key("Template", "default", f"t{number}") for number in range(5)]
    at.passes = {key: [wait] for key in keys}
    for key in keys:
        at.queue.add(key)
    await until(lambda: len(at.made) == 2)
    gate.set()
    await until(lambda: len(at.metrics.results) == 5)
    assert max(at.metrics.active) == 2
    assert at.metrics.active[-1] == 0


async def test_closing_lets_the_pass_under_way_finish_and_begins_no_other(at: Fixture) -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    at.passes = {SHOP: [wait], INN: [wait]}
    for key in (SHOP, INN, Key("Template", "default", "third")):
        at.queue.add(key)
    await until(lambda: len(at.made) == 2)
    at.loop.close()
    gate.set()
    await until(lambda: len(at.metrics.results) == 2)
    assert at.made == [SHOP, INN]


@pytest.mark.parametrize("known", [pytest.param(True, id="stored"), pytest.param(False, id="gone")])
async def test_what_follows_from_a_pass_is_told_what_was_stored(at: Fixture, known: bool) -> None:
    told: list[object] = []

    async def then(stored: object) -> None:
        told.append((stored, len(at.statuses.reports)))

    async def answer() -> Report:
        return Report(at.template, Done(Reason.NOT_SYNCED, "all well"), {}, (), then)

    at.statuses.stored = at.template if known else None
    at.passes[SHOP] = [answer]
    await at.work_off(SHOP)
    assert told == [(at.statuses.stored, 1)]


async def test_what_follows_from_a_pass_waits_for_a_status_that_is_refused(at: Fixture) -> None:
    told: list[object] = []

    async def then(stored: object) -> None:
        told.append(stored)

    async def answer() -> Report:
        return Report(at.template, Done(Reason.NOT_SYNCED, "all well"), {}, (), then)

    at.statuses.failures = [StaleWrite("changed", code=409)]
    at.passes[SHOP] = [answer]
    await at.work_off(SHOP)
    assert told == []
