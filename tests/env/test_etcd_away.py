"""While etcd is away nothing is lost, and when it is back the operator is not deaf.

In `make soak` it is away for 90 s: longer than any lease, watch or request lasts.
"""

from __future__ import annotations

import time

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import ACCOUNT_NAME, install_all
from tests.support.gitserver import FaultyGitServer
from tests.support.hearing import assert_hears_both_sides
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.soak import SOAK
from tests.support.synced import SHOP, Scene, link
from tests.support.waiting import eventually

AWAY_SECONDS = 90.0 if SOAK else 12.0
LEASES = ["15s", "300s"] if SOAK else ["15s"]  # one that is lost, one that outlives the outage
LOST_LEASE = 1
FIVE = SHOP.replace(b'"2"', b'"5"')
SEVEN = SHOP.replace(b'"2"', b'"7"')


@pytest.fixture(scope="module")
def cluster(own_cluster: ControlPlane) -> ControlPlane:
    """A control plane of this file's own: nobody else can wait for its etcd."""
    install_all(own_cluster)
    return own_cluster


@pytest.fixture(scope="module")
def kubectl(cluster: ControlPlane) -> Kubectl:
    return Kubectl(cluster)


@pytest.fixture(scope="module")
def rbac_usage() -> None:
    """Not measured: the audit log is the session's."""


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> Scene:
    del account
    return Scene(kubectl, git, namespace, ACCOUNT_NAME)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lease", LEASES, ids=lambda lease: f"lease-of-{lease}")
def test_an_outage_in_the_middle_of_a_write_back_loses_nothing_and_makes_nobody_deaf(
    cluster: ControlPlane, scene: Scene, operators: Operators, lease: str
) -> None:
    operator = operators(f"--lease-duration={lease}")
    written, read, heard = (link(scene, name) for name in ("written", "read", "heard"))

    def lose_etcd() -> bool:
        cluster.pause_etcd()
        return True

    # The push arrives, and then nothing can be said about it.
    scene.git.strike(written.repository, "receive-pack", lose_etcd)
    written.edit(REPLICAS="5")
    try:
        written.wait_file(FIVE)
        back = time.monotonic() + AWAY_SECONDS
        read.push(SEVEN)
        assert not cluster.request("GET", "/readyz").ok
        eventually(lambda: time.monotonic() >= back, AWAY_SECONDS + 10, "the outage to last")
    finally:
        cluster.resume_etcd()

    if not operator.running:
        # It could not keep its Lease; in a cluster the kubelet starts it again.
        assert operator.wait_end(1).code == LOST_LEASE
        operator.restart()
    read.wait_arguments(REPLICAS="7", COLOUR="red")
    assert_hears_both_sides(heard, 60)
    written.wait()
    written.look_now()
    assert written.subjects() == ["Update written", "Begin"]
    assert "pendingWrite" not in written.get()["status"]["sync"]
    assert written.arguments() == {"REPLICAS": "5", "COLOUR": "red"}
    assert read.subjects() == ["Edit by hand", "Begin"]
