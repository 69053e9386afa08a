"""The machine's clock is set while the operator runs: nothing stops, and nothing is made twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.apiproxy import ApiProxy
from tests.support.clock_skew import SkewedClock
from tests.support.gitserver import FaultyGitServer
from tests.support.invariants import assert_settled
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, link

HOUR = 3600
DAY = 24 * HOUR
TOLERANCE_SECONDS = 60
JUMPS = {"an-hour-on": HOUR, "an-hour-back": -HOUR, "a-day-on": DAY, "a-day-back": -DAY}


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> Scene:
    return Scene(kubectl, git, namespace, account)


def test_both_sides_go_on_whatever_the_clock_says(
    scene: Scene, operators: Operators, proxy: ApiProxy, tmp_path: Path
) -> None:
    clock = SkewedClock(tmp_path)
    # Behind the proxy it speaks no TLS, so that certificates are not what is tested here.
    operator = operators("--lease-duration=6s", through=proxy, environment=clock.environment)
    shop = link(scene, "shop")
    edits = []
    for number, (name, seconds) in enumerate(JUMPS.items()):
        clock.set(seconds)
        shop.push(SHOP.replace(b'"2"', b'"%d"' % number), name)
        shop.wait_arguments(REPLICAS=str(number), COLOUR="red")
        edits.append({"COLOUR": name})
        shop.edit(**edits[-1])
        shop.wait_file(SHOP.replace(b'"2"', b'"%d"' % number).replace(b"red", name.encode()))
        shop.wait()
        made = scene.git.log("shop")[0]
        assert abs(made.time - time.time() - seconds) < TOLERANCE_SECONDS, "the clock was not set"
    clock.set(0)
    assert_settled(shop, *edits)
    assert operator.running
    assert operator.metric("leader_election_master_status") == 1


def test_an_operator_whose_clock_is_a_day_off_takes_over_no_sooner_and_no_later(
    scene: Scene, operators: Operators, proxy: ApiProxy, tmp_path: Path
) -> None:
    clock = SkewedClock(tmp_path)
    clock.set(DAY)
    leader = operators("--lease-duration=3s")
    standby = operators("--lease-duration=3s", through=proxy, environment=clock.environment)
    shop = link(scene, "shop")
    shop.edit(REPLICAS="5")
    shop.wait_file(SHOP.replace(b'"2"', b'"5"'))
    shop.wait()
    # To the standby the Lease has looked a day too old all the time.
    assert standby.metric("leader_election_master_status") == 0
    assert leader.metric("leader_election_master_status") == 1
    leader.kill()
    shop.edit(COLOUR="blue")
    shop.wait_file(SHOP.replace(b'"2"', b'"5"').replace(b"red", b"blue"))
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"}, {"COLOUR": "blue"})
