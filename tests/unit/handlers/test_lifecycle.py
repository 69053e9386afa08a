"""The life of an operator: it waits for the Lease, leads, and ends with the right exit code."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence

import pytest

from ebbflow.adapters.kube.election import LeaseUnavailable
from ebbflow.handlers.lifecycle import Operator
from ebbflow.handlers.watches import Deaf
from ebbflow.services.schedule import Schedule
from tests.support.memory_cluster import ManualClock

ME = "me"
QUICK = 5.0


class Lease:
    """An election that is won when `won` is set and lost when `lost` is."""

    def __init__(self) -> None:
        self.won, self.lost = asyncio.Event(), asyncio.Event()
        self.unavailable = False
        self.holder: str | None = None
        self.trouble: str | None = None
        self.released = 0

    def leads(self) -> bool:
        return self.holder == ME

    async def acquire(self) -> None:
        if self.unavailable:
            raise LeaseUnavailable("there is no namespace")
        await self.won.wait()
        self.holder = ME

    async def hold(self) -> str:
        await self.lost.wait()
        self.holder = "another"
        return "the Lease is lost: another took it"

    async def release(self) -> None:
        self.released += 1


class Passes:
    """A loop with one pass under way, until `finish` is set; `cut` tells that it was cancelled."""

    def __init__(self) -> None:
        self.began, self.finish = asyncio.Event(), asyncio.Event()
        self.closed = self.cut = self.finished = False

    async def run(self, workers: int) -> None:
        self.began.set()
        try:
            await self.finish.wait()
            self.finished = True
        except asyncio.CancelledError:
            self.cut = True
            raise

    def close(self) -> None:
        self.closed = True


class Ears:
    """Watches that run until they are told to be deaf."""

    def __init__(self) -> None:
        self.deaf = asyncio.Event()
        self.on_started: Callable[[], None] = lambda: None
        self.alive = True
        self.missing: Sequence[str] = ()
        self.running = False

    def problems(self) -> Sequence[str]:
        return self.missing

    def is_alive(self) -> bool:
        return self.alive

    async def run(self) -> None:
        self.running = True
        try:
            await self.deaf.wait()
            raise Deaf("no full set of watches")
        finally:
            self.running = False


class Recorder:
    """The admission webhook: registered while it leads; `ready` when its credentials are read."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.registered = False
        self.missing: Sequence[str] = ()

    def problems(self) -> Sequence[str]:
        return self.missing

    async def prepared(self) -> None:
        await self.ready.wait()

    async def lead(self) -> None:
        self.registered = True
        try:
            await asyncio.Event().wait()
        finally:
            self.registered = False


class Fixture:
    def __init__(self) -> None:
        self.leases = [Lease()]
        self.passes, self.ears, self.recorder = Passes(), Ears(), Recorder()
        self.make()

    def make(self) -> None:
        """Make the operator, with the elections that there are now."""
        schedule = Schedule(ManualClock())
        self.operator = Operator(
            self.leases, schedule, self.passes, self.ears, self.recorder, ME, workers=3
        )

    @property
    def lease(self) -> Lease:
        return self.leases[0]

    def start(self) -> asyncio.Task[int]:
        return asyncio.create_task(self.operator.run())

    async def start_leading(self) -> asyncio.Task[int]:
        self.lease.won.set()
        running = self.start()
        await asyncio.wait_for(self.passes.began.wait(), QUICK)
        return running


@pytest.fixture
async def at() -> Fixture:
    return Fixture()


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A signal that the operator does not take must not end the tests."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


async def ended(running: asyncio.Task[int]) -> int:
    return await asyncio.wait_for(running, QUICK)


# Its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
async def test_a_signal_while_it_waits_for_the_lease_ends_it_well(
    at: Fixture, number: signal.Signals
) -> None:
    running = at.start()
    await asyncio.sleep(0)
    signal.raise_signal(number)
    assert await ended(running) == 0
    assert not at.passes.began.is_set()


async def test_a_signal_lets_the_pass_under_way_finish_and_gives_the_lease_back(
    at: Fixture,
) -> None:
    running = await at.start_leading()
    signal.raise_signal(signal.SIGTERM)
    while not at.passes.closed:  # noqa: ASYNC110 - a flag of the fake
        await asyncio.sleep(0)
    assert not running.done()
    at.passes.finish.set()
    assert await ended(running) == 0
    assert (at.passes.finished, at.passes.cut, at.lease.released) == (True, False, 1)
    assert not at.ears.running


async def test_a_pass_that_takes_too_long_is_cut_off(
    at: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebbflow.handlers.lifecycle.DRAIN_SECONDS", 0.01)
    running = await at.start_leading()
    signal.raise_signal(signal.SIGTERM)
    assert await ended(running) == 0
    assert (at.passes.cut, at.lease.released) == (True, 1)


async def test_a_lost_lease_ends_it_at_once_and_not_well(
    at: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    running = await at.start_leading()
    at.lease.lost.set()
    assert await ended(running) == 1
    # Another one acts already: the pass under way is cut off, not waited for.
    assert at.passes.cut
    assert "another took it; ending" in caplog.text


async def test_watches_that_cannot_be_brought_back_end_it_and_not_well(
    at: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    running = await at.start_leading()
    at.passes.finish.set()
    at.ears.deaf.set()
    assert await ended(running) == 1
    assert at.lease.released == 1
    assert "no full set of watches" in caplog.text


async def test_workers_that_end_by_themselves_end_it_and_not_well(at: Fixture) -> None:
    running = await at.start_leading()
    at.passes.finish.set()
    assert await ended(running) == 1
    assert at.lease.released == 1


async def test_the_signals_are_taken_again_from_kopf_at_each_of_its_starts(at: Fixture) -> None:
    running = await at.start_leading()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    at.ears.on_started()
    signal.raise_signal(signal.SIGTERM)
    at.passes.finish.set()
    assert await ended(running) == 0


# Its beginning


async def test_the_lease_is_kept_in_the_first_namespace_that_exists(at: Fixture) -> None:
    at.leases = [Lease(), Lease()]
    at.leases[0].unavailable = True
    at.leases[1].won.set()
    at.make()
    running = at.start()
    await asyncio.wait_for(at.passes.began.wait(), QUICK)
    at.passes.finish.set()
    await ended(running)
    assert [lease.released for lease in at.leases] == [0, 1]


async def test_without_any_namespace_for_the_lease_it_does_not_start(at: Fixture) -> None:
    at.lease.unavailable = True
    with pytest.raises(LeaseUnavailable):
        await at.operator.run()


# What it says of itself


def test_a_candidate_is_not_ready_and_says_why(at: Fixture) -> None:
    assert at.operator.problems() == ["waiting for the Lease: it is being taken"]
    at.lease.trouble = "no answer from the API server"
    assert at.operator.problems() == ["waiting for the Lease: no answer from the API server"]


def test_a_standby_is_ready_whatever_the_watches_are(at: Fixture) -> None:
    at.lease.holder = "another"
    at.ears.missing, at.ears.alive = ["a CRD is missing"], False
    assert (at.operator.problems(), at.operator.ailments()) == ([], [])


def test_a_leader_is_as_ready_and_as_well_as_its_watches(at: Fixture) -> None:
    at.lease.holder = ME
    assert (list(at.operator.problems()), at.operator.ailments()) == ([], [])
    at.ears.missing, at.ears.alive = ["a CRD is missing"], False
    assert at.operator.problems() == ["a CRD is missing"]
    assert at.operator.ailments() == ["the watches are deaf"]


# Who edits


async def test_the_webhook_is_registered_while_it_leads(at: Fixture) -> None:
    running = await at.start_leading()
    assert at.recorder.registered
    at.lease.lost.set()
    at.passes.finish.set()
    await ended(running)
    assert not at.recorder.registered


async def test_no_pass_begins_before_it_can_know_the_authors(at: Fixture) -> None:
    at.recorder.ready.clear()
    at.lease.won.set()
    running = at.start()
    for _ in range(50):
        await asyncio.sleep(0)
    assert at.recorder.registered
    assert not at.passes.began.is_set()
    at.recorder.ready.set()
    await asyncio.wait_for(at.passes.began.wait(), QUICK)
    at.passes.finish.set()
    await ended(running)


async def test_a_leader_is_not_ready_before_the_webhook_was_registered_once(at: Fixture) -> None:
    running = await at.start_leading()
    at.recorder.missing = ["the admission webhook is not registered yet"]
    assert at.operator.problems() == at.recorder.missing
    at.recorder.missing = ()
    assert at.operator.problems() == []
    at.passes.finish.set()
    await ended(running)
