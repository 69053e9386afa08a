"""SIGTERM ends the operator within ten seconds, whatever hangs, and nothing is done twice or lost."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.support.apifaults import Delay, matching
from tests.support.apiproxy import ApiProxy
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.operator_process import Ended
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, link
from tests.support.waiting import eventually

SECONDS = 10.0
FIVE = SHOP.replace(b'"2"', b'"5"')


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> Scene:
    return Scene(kubectl, git, namespace, account)


def assert_ended_well(ended: Ended) -> None:
    assert ended.code == 0
    assert ended.seconds < SECONDS


def test_a_write_back_that_is_under_way_is_finished_first(
    scene: Scene, operators: Operators, proxy: ApiProxy
) -> None:
    operator = operators(through=proxy)
    shop = link(scene, "shop")
    pushing, go_on = threading.Event(), threading.Event()

    def stop_here() -> None:
        pushing.set()
        go_on.wait(SECONDS)

    scene.git.before_receive(stop_here)
    shop.edit(REPLICAS="5")
    assert pushing.wait(SECONDS)
    os.kill(operator.pid, signal.SIGTERM)
    go_on.set()
    assert_ended_well(operator.wait_end(SECONDS))
    assert shop.file() == FIVE
    shop.wait_settled()


def test_servers_that_hang_do_not_hold_it_up(
    scene: Scene, operators: Operators, proxy: ApiProxy
) -> None:
    operator = operators(through=proxy)
    shop = link(scene, "shop")
    scene.git.hang()
    let_go = threading.Event()
    held = proxy.before(matching(resource=("templates/status", "leases")), Delay(let_go))
    asked = len(scene.git.seen)
    shop.edit(REPLICAS="5")
    eventually(lambda: len(scene.git.seen) > asked, SECONDS, "a question to the Git server")
    try:
        assert_ended_well(operator.terminate())
    finally:
        let_go.set()

    held.remove()
    scene.git.calm()
    operator.start()
    shop.wait_file(FIVE)
    assert shop.subjects() == ["Update shop", "Begin"]
