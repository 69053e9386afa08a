"""A write-back that is cut short at any moment is finished by whoever comes next: once, and whole.

The moments are found by recording one: every write to the API server and every request of a push,
just before it arrives and just after it was carried out. `make test` tries those of a plain edit,
`make soak` those of every kind of write-back, with everything that others may do meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import product

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import GIT_USER, fresh_namespace, link_account
from tests.support.apiproxy import ApiProxy
from tests.support.canary import Canary, CanarySearch
from tests.support.cuts import CutPoint
from tests.support.edits import (
    ANOTHER_EDIT,
    EDIT,
    MEANWHILES,
    NOTHING,
    SAME_ARGUMENT,
    SCENARIOS,
    Meanwhile,
    Scenario,
)
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.lanes import Case, Fault, Lane, try_all
from tests.support.operators import Operators
from tests.support.people import Person, rights_in
from tests.support.soak import SOAK
from tests.support.synced import Scene
from tests.support.tools import need

LANES = 3 if SOAK else 2
DOUBLE_LANES = 2
BUSY = ["--workers=64", "--poll-interval=5s"]  # many passes are held at once
SHORT_LEASE = "--lease-duration=3s"
LIMIT_SECONDS = 3600 if SOAK else 240

TRIED = SCENARIOS if SOAK else (EDIT,)
MEANWHILE = MEANWHILES if SOAK else (NOTHING, SAME_ARGUMENT)
MEANWHILE_OF_TWO = MEANWHILES if SOAK else (ANOTHER_EDIT,)

OpenLanes = Callable[[int], list[Lane]]
Cuts = Callable[[Scenario], list[CutPoint]]


@pytest.fixture(scope="module")
def open_lanes(
    cluster: ControlPlane,
    kubectl: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
    process_group: int,
    rbac_usage: None,
) -> Iterator[OpenLanes]:
    """Opens lanes with so many operators each: namespaces, Git servers, accounts and proxies."""
    del rbac_usage
    need("git", "install git, with its http-backend")
    search = CanarySearch()
    with ExitStack() as stack:

        def lane(operators: int) -> Lane:
            canary, directory = Canary.generate(), tmp_path_factory.mktemp("lane")
            search.add(canary)
            (directory / "git").mkdir()
            git = FaultyGitServer(directory / "git", username=GIT_USER, password=canary.value)
            stack.enter_context(git)
            stack.callback(search.look_at_repositories, directory / "git")
            namespace = stack.enter_context(fresh_namespace(kubectl, "lane", search))
            proxy = stack.enter_context(ApiProxy.to(cluster.kubeconfig))
            make = stack.enter_context(
                Operators(cluster, directory, [namespace], search, process_group)
            )
            account = link_account(kubectl, namespace, canary)
            rights_in(kubectl, namespace, "alice", "bob")
            flags = [*BUSY, SHORT_LEASE] if operators > 1 else BUSY
            made = [make(*flags, through=proxy, ready=False) for _ in range(operators)]
            scene = Scene(kubectl, git, namespace, account)
            return Lane(scene, proxy, made, Person("alice", kubectl), Person("bob", kubectl))

        yield lambda operators: [
            lane(operators) for _ in range(LANES if operators == 1 else DOUBLE_LANES)
        ]
    search.verify()


@pytest.fixture(scope="module")
def lanes(open_lanes: OpenLanes) -> list[Lane]:
    """Lanes with one operator."""
    return open_lanes(1)


@pytest.fixture(scope="module")
def double_lanes(open_lanes: OpenLanes) -> list[Lane]:
    """Lanes with two operators, of which one stands by."""
    return open_lanes(2)


@pytest.fixture(scope="module")
def cuts(lanes: list[Lane]) -> Cuts:
    """The points at which a write-back can be cut, recorded once."""
    known: dict[str, list[CutPoint]] = {}

    def of(scenario: Scenario) -> list[CutPoint]:
        if scenario.name not in known:
            points = lanes[0].record(scenario)
            assert len(points) >= scenario.known, [str(point) for point in points]
            known[scenario.name] = points
        return known[scenario.name]

    return of


def try_points(
    lanes: list[Lane],
    points: list[CutPoint],
    subtests: pytest.Subtests,
    fault: Fault,
    scenario: Scenario,
    meanwhiles: Iterable[Meanwhile],
) -> None:
    cases = [
        Case(scenario, meanwhile, point)
        for meanwhile, point in product(meanwhiles, points)
        if scenario.goes_with(meanwhile)
    ]
    for tried in try_all(lanes, fault, cases):
        with subtests.test(f"{tried.case.point}, {tried.case.meanwhile.name}"):
            assert tried.trouble is None, tried.trouble


def name_of(scenario: Scenario) -> str:
    return scenario.name


@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("scenario", TRIED, ids=name_of)
def test_a_write_back_that_is_killed_anywhere_is_finished_exactly_once(
    lanes: list[Lane], cuts: Cuts, subtests: pytest.Subtests, scenario: Scenario
) -> None:
    try_points(lanes, cuts(scenario), subtests, Fault.KILLED, scenario, MEANWHILE)


@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("scenario", TRIED, ids=name_of)
@pytest.mark.parametrize("fault", [Fault.REPLACED, Fault.ASLEEP], ids=lambda fault: fault.value)
def test_two_operators_finish_a_write_back_exactly_once(
    double_lanes: list[Lane],
    cuts: Cuts,
    subtests: pytest.Subtests,
    fault: Fault,
    scenario: Scenario,
) -> None:
    try_points(double_lanes, cuts(scenario), subtests, fault, scenario, MEANWHILE_OF_TWO)
