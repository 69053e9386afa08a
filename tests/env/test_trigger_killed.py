"""An operator that dies at any write of a trigger's pass: one run of one push, with its values."""

from __future__ import annotations

import pytest

from tests.support.apifaults import Call, Cut, matching
from tests.support.apiproxy import ApiProxy
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.ran import deployer
from tests.support.triggered import trigger_of
from tests.support.waiting import eventually

STATUS, RUNS = "gittriggers/status", "runs"


@pytest.mark.parametrize(
    ("resource", "skip", "after"),
    [
        pytest.param(STATUS, 0, False, id="before the verdict is recorded"),
        pytest.param(STATUS, 0, True, id="after the verdict is recorded"),
        pytest.param(RUNS, 0, False, id="before the run is made"),
        pytest.param(RUNS, 0, True, id="after the run is made"),
        pytest.param(STATUS, 1, False, id="before the run is recorded"),
        pytest.param(STATUS, 1, True, id="after the run is recorded"),
    ],
)
def test_a_push_starts_one_run_whenever_the_operator_dies(
    git: FaultyGitServer,
    kubectl: Kubectl,
    namespace: str,
    account: str,
    operators: Operators,
    proxy: ApiProxy,
    resource: str,
    skip: int,
    after: bool,
) -> None:
    robot = deployer(kubectl, namespace)
    operator = operators("--lease-duration=3s", through=proxy)
    shop = trigger_of(kubectl, git, namespace, "shop", account, robot=robot)
    match = matching(resource=resource, writes=True)
    act = proxy.after if after else proxy.before
    act(match, Call(lambda _: operator.kill(), then=Cut()), skip=skip, times=1)

    commit = shop.push({"a": b"1\n"}, "Say one")
    eventually(lambda: not operator.answers(), 30, "the operator to be killed")
    operators("--lease-duration=3s")

    shop.run_for(commit)
    (run,) = shop.source.runs()
    assert run["status"]["trigger"]["commit"] == commit
    told = kubectl.get("ConfigMap", "shop-told", namespace)["data"]
    assert (told["sha"], told["message"]) == (commit, "Say one\n")
    assert [(one["verdict"], one["after"]) for one in shop.deliveries()] == [("Fired", commit)]


def test_two_operators_that_both_believe_to_lead_start_one_run(
    git: FaultyGitServer,
    kubectl: Kubectl,
    namespace: str,
    account: str,
    operators: Operators,
) -> None:
    robot = deployer(kubectl, namespace)
    first = operators("--lease-duration=3s")
    shop = trigger_of(kubectl, git, namespace, "shop", account, robot=robot)
    shop.run_for(shop.push({"a": b"1\n"}))
    first.pause()
    operators("--lease-duration=3s")
    second = shop.push({"a": b"2\n"})
    shop.run_for(second)
    first.resume()
    third = shop.push({"a": b"3\n"})
    shop.run_for(third)
    assert len(shop.source.runs()) == 3
    assert [one["after"] for one in shop.deliveries()][:2] == [third, second]
