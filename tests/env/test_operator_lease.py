"""One operator of several acts; the next takes over when it ends, is killed or loses its Lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebbflow.settings import Settings
from ebbflow.wiring.elections import lease_name
from tests.env.conftest import fresh_namespace
from tests.support.apifaults import Answer, matching
from tests.support.apiproxy import ApiProxy
from tests.support.canary import CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.hearing import assert_hears_both_sides
from tests.support.installation import ACCOUNT
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, link
from tests.support.waiting import eventually

WHO_AM_I = "selfsubjectreviews"
SHORT = "--lease-duration=3s"
LONG = "--lease-duration=60s"
SOON = 10.0  # seconds; far less than LONG
LOST = 1


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> Scene:
    return Scene(kubectl, git, namespace, account)


@pytest.fixture
def other_namespace(kubectl: Kubectl, canary_search: CanarySearch) -> Iterator[str]:
    with fresh_namespace(kubectl, "other", canary_search) as name:
        yield name


def lease(scene: Scene) -> dict[str, Any]:
    """The spec of the Lease of the test's namespace."""
    name = lease_name(Settings("any", Path(), namespaces=(scene.namespace,)))
    found: dict[str, Any] = scene.kubectl.get("Lease", name, ACCOUNT.namespace)["spec"]
    return found


def leads(operator: OperatorProcess) -> bool:
    return operator.metric("leader_election_master_status") == 1


def wait_leads(operator: OperatorProcess, timeout: float = SOON) -> None:
    eventually(lambda: leads(operator), timeout, f"{operator.identity} to lead")


def test_one_of_two_leads_and_the_other_is_ready_and_does_nothing(
    scene: Scene, operators: Operators, proxy: ApiProxy
) -> None:
    leader = operators()
    standby = operators(through=proxy)
    assert_hears_both_sides(link(scene, "shop"))
    assert (leads(leader), leads(standby)) == (True, False)
    assert standby.ready_text().strip() == "ok"
    assert standby.terminate().code == 0
    # It answers admission reviews all the same, for which it asks who it is and reads the key.
    changing = [r for r in proxy.requests(matching(writes=True)) if r.resource != WHO_AM_I]
    assert changing == []
    assert {request.resource for request in proxy.requests()} <= {"leases", "secrets", WHO_AM_I}
    assert (lease(scene)["holderIdentity"], leads(leader)) == (leader.identity, True)


def test_a_leader_that_is_told_to_stop_gives_its_lease_back_and_is_followed_at_once(
    scene: Scene, operators: Operators
) -> None:
    leader, standby = operators(), operators()
    ended = leader.terminate()
    assert (ended.code, ended.seconds < SOON) == (0, True)
    # Much sooner than the 15 s of the Lease: nobody waits for it to run out.
    wait_leads(standby, timeout=7.5)
    assert standby.terminate().code == 0
    assert lease(scene)["holderIdentity"] == ""


def test_a_leader_that_sleeps_or_is_killed_is_followed_when_its_lease_has_run_out(
    scene: Scene, operators: Operators
) -> None:
    first, second = operators(SHORT), operators(SHORT)
    shop = link(scene, "shop")
    first.pause()
    shop.edit(COLOUR="once")
    wait_leads(second)
    shop.wait_file(SHOP.replace(b"red", b"once"))
    # It wakes up as a leader that it no longer is: it ends, and does not undo what was committed.
    first.resume()
    assert first.wait_end(SOON).code == LOST
    shop.look_now()
    assert shop.subjects() == ["Update shop", "Begin"]

    first.start()
    first.wait_ready()
    second.kill()
    wait_leads(first)
    assert_hears_both_sides(shop)
    assert lease(scene)["leaseTransitions"] == 2


def test_a_leader_that_cannot_renew_its_lease_ends(operators: Operators, proxy: ApiProxy) -> None:
    leader = operators(SHORT, through=proxy)
    proxy.before(matching(resource="leases", writes=True), Answer(500, "etcd is away"))
    assert leader.wait_end(SOON).code == LOST
    assert "could not be renewed in time" in leader.log.read_text()
    assert "etcd is away" in leader.log.read_text()


def test_the_same_identity_takes_its_lease_back_at_once_after_a_crash(
    scene: Scene, operators: Operators
) -> None:
    operator = operators(LONG)
    began = lease(scene)["acquireTime"]
    operator.kill()
    operator.start()
    operator.wait_ready(SOON)
    assert leads(operator)
    assert lease(scene)["acquireTime"] == began


def test_operators_of_different_namespaces_do_not_exclude_each_other(
    operators: Operators, other_namespace: str
) -> None:
    first = operators()
    second = operators(namespaces=[other_namespace])
    assert leads(first)
    assert leads(second)


def test_an_operator_that_is_stopped_while_it_waits_for_its_lease_ends_quickly(
    operators: Operators, proxy: ApiProxy
) -> None:
    proxy.before(matching(resource="leases"), Answer(403, "no right to it"))
    operator = operators(through=proxy, ready=False)
    eventually(lambda: "no right to it" in operator.ready_text(), SOON, "the reason")
    began = time.monotonic()
    assert operator.terminate().code == 0
    assert time.monotonic() - began < SOON
