"""A Run whose operator dies, is replaced or is refused at any write is finished once, and whole.

The moments are found by recording one Run: every write to the API server that it takes, just before
it arrives and just after it was carried out. All Runs of a batch are held at their points at once,
so that one crash tries them all.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from threading import Event

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import fresh_namespace
from tests.support.apifaults import Answer, Cut, matching
from tests.support.apiproxy import ApiProxy
from tests.support.canary import CanarySearch
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.ran import Source, deployer
from tests.support.run_cuts import (
    BY_AN_UPDATE,
    BY_HAND,
    HELD_SECONDS,
    Point,
    Scenario,
    Trap,
    check_whole,
    points,
    prepare,
)
from tests.support.soak import SOAK
from tests.support.waiting import eventually

AT_ONCE = 24
"""Runs that are tried at once, in a namespace each."""

READY_SECONDS = 60.0
CUT_SECONDS = 30.0
WHOLE_SECONDS = 40.0
TAKE_OVER_SECONDS = 30.0
LIMIT_SECONDS = 900 if SOAK else 240
SHORT_LEASE = "--lease-duration=3s"
BUSY = "--workers=64"  # many passes are held at once

_numbers = count(1)


@dataclass(frozen=True)
class Lane:
    """Namespaces, and operators that serve all of them through a proxy."""

    kubectl: Kubectl
    proxy: ApiProxy
    places: Sequence[str]
    operators: Sequence[OperatorProcess]

    def prepare(self, scenario: Scenario, number: int) -> list[Source]:
        """Make a Template in each of so many of the namespaces."""
        name = f"shop-{next(_numbers)}"
        updates = scenario is BY_AN_UPDATE

        def make(place: str) -> Source:
            return prepare(self.kubectl, place, name, "deployer", updates=updates)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(make, self.places[:number]))

    def record(self, scenario: Scenario) -> list[Point]:
        """Make two Runs undisturbed; the points at which both can be cut."""
        shops = self.prepare(scenario, 2)
        since = self.proxy.mark()
        for shop in shops:
            scenario.begin(shop)
            whole(shop, scenario)
        first, second = (points(self.proxy, shop.namespace, since) for shop in shops)
        for shop in shops:
            self.clean(shop)
        return [point for point in first if point in second]

    def clean(self, shop: Source) -> None:
        """Remove what a Run leaves; the garbage collector does the rest."""
        self.kubectl.delete("Template", shop.name, shop.namespace)

    def leader(self) -> OperatorProcess:
        """The operator that leads."""
        found = eventually(
            lambda: next((each for each in self.operators if leads(each)), None),
            TAKE_OVER_SECONDS,
            "an operator to lead",
        )
        assert found is not None
        return found


def leads(operator: OperatorProcess) -> bool:
    return operator.answers() and operator.metric("leader_election_master_status") == 1


def whole(shop: Source, scenario: Scenario) -> None:
    def check() -> bool:
        check_whole(shop, scenario)
        return True

    eventually(check, WHOLE_SECONDS, f"the Run of {shop.name} in {shop.namespace} to be whole")


@pytest.fixture(scope="module")
def open_lane(
    cluster: ControlPlane,
    kubectl: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
    process_group: int,
    rbac_usage: None,
) -> Iterator[Callable[[int], Lane]]:
    """Opens lanes with so many operators each."""
    del rbac_usage
    search = CanarySearch()
    with ExitStack() as stack:

        def lane(operators: int) -> Lane:
            places = [
                stack.enter_context(fresh_namespace(kubectl, f"cut-{number}", search))
                for number in range(AT_ONCE)
            ]
            for place in places:
                deployer(kubectl, place)
            directory = tmp_path_factory.mktemp("lane")
            proxy = stack.enter_context(ApiProxy.to(cluster.kubeconfig))
            make = stack.enter_context(Operators(cluster, directory, places, search, process_group))
            flags = [BUSY, SHORT_LEASE] if operators > 1 else [BUSY]
            made = [make(*flags, through=proxy) for _ in range(operators)]
            return Lane(kubectl, proxy, places, made)

        yield lane


@pytest.fixture(scope="module")
def lane(open_lane: Callable[[int], Lane]) -> Lane:
    """A lane with one operator."""
    return open_lane(1)


@pytest.fixture(scope="module")
def double_lane(open_lane: Callable[[int], Lane]) -> Lane:
    """A lane with two operators, of which one stands by."""
    return open_lane(2)


@pytest.fixture(scope="module")
def recorded(lane: Lane) -> Callable[[Scenario], list[Point]]:
    """The points at which a Run can be cut, recorded once."""
    known: dict[str, list[Point]] = {}

    def of(scenario: Scenario) -> list[Point]:
        if scenario.name not in known:
            found = lane.record(scenario)
            assert len(found) >= 2 * scenario.known, [str(point) for point in found]
            known[scenario.name] = found
        return known[scenario.name]

    return of


def batches(every: Sequence[Point]) -> list[Sequence[Point]]:
    return [every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE)]


def judge(
    lane: Lane, shops: Sequence[Source], scenario: Scenario, names: Sequence[str]
) -> dict[str, str]:
    """Check every Run of a batch; what is wrong, by what was done to it."""

    def trouble(shop: Source) -> str:
        try:
            whole(shop, scenario)
        except Exception:  # noqa: BLE001 - whatever it is, it belongs to this Run and not to others
            seen = [
                request.line()
                for request in lane.proxy.requests(matching(namespace=shop.namespace))
            ]
            return "\n".join([traceback.format_exc(), *seen[-80:]])
        lane.clean(shop)
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(names, pool.map(trouble, shops), strict=True))


def try_batch(
    lane: Lane, scenario: Scenario, batch: Sequence[Point], *, asleep: bool
) -> dict[str, str]:
    """Hold a Run at each point, strike the operator, and check what became of each of them."""
    lane.proxy.heal()
    leader = lane.leader()
    shops = lane.prepare(scenario, len(batch))
    opened = Event()
    traps = [Trap(point, opened, cut=not asleep) for point in batch]
    for trap, shop in zip(traps, shops, strict=True):
        trap.lay(lane.proxy, shop.namespace)
        scenario.begin(shop)
    for trap in traps:
        assert trap.sprung.wait(CUT_SECONDS), f"the Run did not come to {trap.point}"
    if asleep:
        (other,) = (each for each in lane.operators if each is not leader)
        leader.pause()
        eventually(lambda: leads(other), TAKE_OVER_SECONDS, f"{other.identity} to lead")
        for shop in shops:
            # What the sleeper was told, or had sent, is on its way all the same.
            eventually(
                lambda shop=shop: shop.runs()[0]["status"].get("phase") == "Succeeded",
                WHOLE_SECONDS,
                "the other to go on",
            )
        leader.resume()
        opened.set()
        leader.wait_end(HELD_SECONDS)
    else:
        leader.kill()
        opened.set()
        leader.start()
        leader.wait_ready(READY_SECONDS)
    troubles = judge(lane, shops, scenario, [str(point) for point in batch])
    if asleep:
        leader.start()
        leader.wait_ready(READY_SECONDS)
    return troubles


@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("scenario", [BY_HAND, BY_AN_UPDATE], ids=lambda each: each.name)
def test_a_run_whose_operator_is_killed_at_any_write_is_finished_once(
    lane: Lane,
    recorded: Callable[[Scenario], list[Point]],
    subtests: pytest.Subtests,
    scenario: Scenario,
) -> None:
    for batch in batches(recorded(scenario)):
        for what, trouble in try_batch(lane, scenario, batch, asleep=False).items():
            with subtests.test(what):
                assert not trouble, trouble


@pytest.mark.timeout(LIMIT_SECONDS)
def test_a_run_whose_operator_sleeps_at_any_write_while_another_goes_on_is_finished_once(
    double_lane: Lane, recorded: Callable[[Scenario], list[Point]], subtests: pytest.Subtests
) -> None:
    every = recorded(BY_HAND)
    for batch in batches(every if SOAK else every[: 2 * AT_ONCE]):
        for what, trouble in try_batch(double_lane, BY_HAND, batch, asleep=True).items():
            with subtests.test(what):
                assert not trouble, trouble


REFUSALS = {
    "409": Answer(409),
    "429": Answer(429, retry_after=1),
    "500": Answer(500),
    "lost": Cut(),
}


@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_run_of_which_any_write_is_refused_is_finished_once(
    lane: Lane,
    recorded: Callable[[Scenario], list[Point]],
    subtests: pytest.Subtests,
    refusal: str,
) -> None:
    writes = [point for point in recorded(BY_HAND) if point.after is (refusal == "lost")]
    for batch in batches(writes):
        lane.proxy.heal()
        shops = lane.prepare(BY_HAND, len(batch))
        for point, shop in zip(batch, shops, strict=True):
            match = matching(
                verb=point.verb, resource=point.resource, namespace=shop.namespace, writes=True
            )
            act = lane.proxy.after if point.after else lane.proxy.before
            act(match, REFUSALS[refusal], skip=point.nth - 1, times=1)
            BY_HAND.begin(shop)
        for what, trouble in judge(lane, shops, BY_HAND, [str(each) for each in batch]).items():
            with subtests.test(what):
                assert not trouble, trouble
