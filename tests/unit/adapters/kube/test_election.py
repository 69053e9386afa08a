"""The election on a Lease kept by a scripted API server; time passes only by sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.election import LeaseElection, LeaseUnavailable
from ebbflow.api.base import JsonObject
from tests.support.fake_kube_api import Counted, FakeApi, Reply, Request, refusal
from tests.support.memory_cluster import ManualClock

PATH = "/apis/coordination.k8s.io/v1/namespaces/ebbflow-system/leases"
RETRY = 2 * 1.1


@dataclass
class Leases:
    """One Lease, written by compare-and-swap."""

    lease: JsonObject | None = None
    version: int = 0
    down: bool = False
    namespace: bool = True
    before_write: list[Callable[[], None]] = field(default_factory=list)

    @property
    def spec(self) -> JsonObject:
        assert self.lease is not None
        return self.lease["spec"]

    def put(self, **spec: object) -> None:
        """Somebody else writes the Lease."""
        self._store({"metadata": {"name": "operator"}, "spec": spec})

    def _store(self, lease: JsonObject) -> JsonObject:
        self.version += 1
        meta = {**lease["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**lease, "metadata": meta}
        return self.lease

    def answer(self, seen: Request) -> Reply:
        if self.down:
            return refusal(500, "etcd is away")
        if seen.method != "GET" and self.before_write:
            self.before_write.pop(0)()
        match seen.method:
            case "GET":
                return (200, self.lease) if self.lease else refusal(404, "no such lease")
            case "POST" if not self.namespace:
                return refusal(404, "no such namespace")
            case "POST":
                return refusal(409, "exists") if self.lease else (201, self._store(seen.body))
            case _:
                if seen.body["metadata"]["resourceVersion"] != str(self.version):
                    return refusal(409, "changed")
                return (200, self._store(seen.body))


@dataclass
class Candidate:
    election: LeaseElection
    clock: ManualClock
    on_sleep: list[Callable[[], None]] = field(default_factory=list)


@pytest.fixture
def leases(api: FakeApi) -> Leases:
    found = Leases()
    api.otherwise = found.answer
    return found


@pytest.fixture
def candidate(client: KubeClient, counted: Counted, leases: Leases) -> Callable[..., Candidate]:
    assert leases.lease is None

    def make(identity: str = "one", duration: float = 15.0) -> Candidate:
        clock = ManualClock()
        actions: list[Callable[[], None]] = []

        async def sleep(seconds: float) -> None:
            clock.advance(seconds)
            await asyncio.sleep(0)
            if actions:
                actions.pop(0)()

        election = LeaseElection(
            client,
            namespace="ebbflow-system",
            name="operator",
            identity=identity,
            duration=timedelta(seconds=duration),
            clock=clock,
            metrics=counted,
            sleep=sleep,
            chance=lambda: 0.5,
        )
        return Candidate(election, clock, actions)

    return make


Make = Callable[..., Candidate]


async def test_a_lease_that_is_not_there_is_made(
    leases: Leases, candidate: Make, counted: Counted
) -> None:
    one = candidate()
    assert counted.leaders == {"operator": False}
    await one.election.acquire()
    assert one.election.leads()
    assert counted.leaders == {"operator": True}
    assert leases.spec["holderIdentity"] == "one"
    assert leases.spec["leaseDurationSeconds"] == 15
    assert leases.spec["leaseTransitions"] == 0
    assert leases.spec["acquireTime"] == leases.spec["renewTime"] == "2026-01-02T03:04:05.000000Z"


async def test_a_foreign_lease_is_waited_for_by_ones_own_clock(
    leases: Leases, candidate: Make
) -> None:
    leases.put(
        holderIdentity="two", leaseDurationSeconds=30, leaseTransitions=4, renewTime="1999-01-01"
    )
    one = candidate()
    await one.election.acquire()
    assert 30 <= one.clock.monotonic() <= 30 + RETRY
    assert leases.spec["holderIdentity"] == "one"
    assert leases.spec["leaseTransitions"] == 5


async def test_a_foreign_lease_that_is_renewed_is_left_alone(
    leases: Leases, candidate: Make
) -> None:
    leases.put(holderIdentity="two", leaseDurationSeconds=15, renewTime="a")
    one = candidate()
    renewals = [f"{number}" for number in range(20)]
    one.on_sleep += [
        lambda time=time: leases.put(holderIdentity="two", leaseDurationSeconds=15, renewTime=time)
        for time in renewals
    ]
    await one.election.acquire()
    assert one.clock.monotonic() >= len(renewals) * RETRY + 15


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"holderIdentity": "", "leaseDurationSeconds": 1}, id="a released one"),
        pytest.param({}, id="an empty one"),
        pytest.param({"holderIdentity": "one", "leaseDurationSeconds": 15}, id="ones own"),
    ],
)
async def test_a_free_lease_is_taken_at_once(
    leases: Leases, candidate: Make, spec: JsonObject
) -> None:
    leases.put(**spec)
    one = candidate()
    await one.election.acquire()
    assert one.clock.monotonic() == 0


async def test_of_two_who_take_it_one_gets_it(leases: Leases, candidate: Make) -> None:
    leases.put(holderIdentity="")
    leases.before_write.append(
        lambda: leases.put(holderIdentity="two", leaseDurationSeconds=15, renewTime="b")
    )
    one = candidate()
    await one.election.acquire()
    assert one.clock.monotonic() >= 15


async def test_a_lease_is_renewed_by_one_request_each(
    leases: Leases, candidate: Make, api: FakeApi
) -> None:
    one = candidate()
    await one.election.acquire()
    before = len(api.requests)
    times = []
    one.on_sleep += [lambda: times.append(leases.spec["renewTime"])] * 10
    one.on_sleep.append(lambda: leases.put(holderIdentity="two"))
    assert "two took it" in await one.election.hold()
    assert len(set(times)) == 10
    methods = [seen.method for seen in api.requests[before:]]
    assert methods[:10] == ["PUT"] * 10


async def test_a_leader_that_cannot_renew_gives_up_before_others_may_take_over(
    leases: Leases, candidate: Make, counted: Counted
) -> None:
    one = candidate()
    await one.election.acquire()
    leases.down = True
    why = await one.election.hold()
    assert "could not be renewed in time" in why
    assert "etcd is away" in why
    assert 10 <= one.clock.monotonic() < 15
    assert not one.election.leads()
    assert counted.leaders == {"operator": False}


async def test_a_short_outage_is_survived(leases: Leases, candidate: Make) -> None:
    one = candidate()
    await one.election.acquire()

    def go_down() -> None:
        leases.down = True

    def come_back() -> None:
        leases.down = False

    def somebody_takes_it() -> None:
        leases.put(holderIdentity="two")

    still: list[bool] = []
    one.on_sleep += [go_down, lambda: None, come_back, lambda: still.append(one.election.leads())]
    one.on_sleep.append(somebody_takes_it)
    assert "two took it" in await one.election.hold()
    assert still == [True]


async def test_a_lease_that_was_deleted_is_lost(leases: Leases, candidate: Make) -> None:
    one = candidate()
    await one.election.acquire()

    def vanish() -> None:
        leases.lease = None
        leases.version += 1

    one.on_sleep.append(vanish)
    assert "lost" in await one.election.hold()


async def test_a_leader_that_slept_too_long_knows_that_it_leads_no_more(candidate: Make) -> None:
    one = candidate()
    await one.election.acquire()
    one.clock.advance(11)
    assert not one.election.leads()
    assert "lost" in await one.election.hold()


async def test_releasing_frees_the_lease(
    leases: Leases, candidate: Make, counted: Counted, api: FakeApi
) -> None:
    one = candidate()
    await one.election.acquire()
    await one.election.release()
    assert leases.spec["holderIdentity"] == ""
    assert leases.spec["leaseDurationSeconds"] == 1
    assert counted.leaders == {"operator": False}
    before = len(api.requests)
    await one.election.release()
    assert len(api.requests) == before


async def test_releasing_does_not_take_it_from_another(leases: Leases, candidate: Make) -> None:
    one = candidate()
    await one.election.acquire()
    leases.put(holderIdentity="two")
    await one.election.release()
    assert leases.spec["holderIdentity"] == "two"


async def test_a_missing_namespace_is_named(leases: Leases, candidate: Make) -> None:
    leases.namespace = False
    with pytest.raises(LeaseUnavailable, match="kubectl create namespace ebbflow-system"):
        await candidate().election.acquire()


async def test_refusals_are_told_and_tried_again(leases: Leases, candidate: Make) -> None:
    leases.down = True
    one = candidate()
    told: list[str | None] = []

    def recover() -> None:
        told.append(one.election.trouble)
        leases.down = False

    one.on_sleep += [lambda: None, recover]
    await one.election.acquire()
    assert "etcd is away" in str(told[0])
    assert one.election.trouble is None


async def test_a_duration_below_a_second_is_written_as_one(leases: Leases, candidate: Make) -> None:
    await candidate(duration=0.4).election.acquire()
    assert leases.spec["leaseDurationSeconds"] == 1
