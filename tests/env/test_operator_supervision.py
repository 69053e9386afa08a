"""The operator outlives what it stands on: CRDs, its rights, the API server, etcd.

The control plane is the file's own, for all of these are the whole session's else.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import ACCOUNT_NAME, install_all, link_account
from tests.support.apiproxy import ApiProxy
from tests.support.canary import Canary
from tests.support.gitserver import FaultyGitServer
from tests.support.hearing import assert_hears_both_sides
from tests.support.installation import DEPLOY
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.synced import Scene, attach, link
from tests.support.waiting import eventually

PATIENT = "--lease-duration=60s"  # the Lease outlives the outage, and so does the process
MISSING = "the CustomResourceDefinition templates.ebbflow.dev is missing; run `ebbflow install`"
AWAY_SECONDS = 30.0


@pytest.fixture(scope="module")
def cluster(own_cluster: ControlPlane) -> ControlPlane:
    """A control plane of this file's own, with the operator's rights and the CRDs."""
    install_all(own_cluster)
    return own_cluster


@pytest.fixture(scope="module")
def kubectl(cluster: ControlPlane) -> Kubectl:
    return Kubectl(cluster)


@pytest.fixture(scope="module")
def rbac_usage() -> None:
    """Not measured: the audit log is the session's, and rights are taken away here."""


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str) -> Scene:
    return Scene(kubectl, git, namespace, ACCOUNT_NAME)


def remove_crds(kubectl: Kubectl) -> None:
    kubectl.run("delete", "--wait", "--ignore-not-found", "-f", str(DEPLOY / "crds.yaml"))


def install(cluster: ControlPlane, *flags: str) -> None:
    """Run the real `ebbflow install` as administrator."""
    subprocess.run(
        [sys.executable, "-m", "ebbflow", "install", *flags],
        env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        check=True,
        capture_output=True,
        timeout=60,
    )


def wait_unready(operator: OperatorProcess, reason: str) -> None:
    eventually(lambda: reason in operator.ready_text(), AWAY_SECONDS, f"the reason: {reason}")


def test_crds_that_are_missing_at_the_start_or_deleted_later_are_named_and_waited_for(
    cluster: ControlPlane, scene: Scene, canary: Canary, operators: Operators
) -> None:
    remove_crds(scene.kubectl)
    operator = operators(ready=False)
    wait_unready(operator, MISSING)
    install(cluster, "--crds-only")
    operator.wait_ready()
    link_account(scene.kubectl, scene.namespace, canary)
    assert_hears_both_sides(link(scene, "shop"))

    remove_crds(scene.kubectl)
    wait_unready(operator, MISSING)
    install(cluster, "--crds-only")
    operator.wait_ready()
    link_account(scene.kubectl, scene.namespace, canary)
    assert_hears_both_sides(attach(scene, "again", "shop"))
    assert operator.running


@pytest.mark.usefixtures("account")
def test_a_right_that_is_taken_away_is_named_and_used_again_when_it_is_back(
    cluster: ControlPlane, scene: Scene, proxy: ApiProxy, operators: Operators
) -> None:
    operator = operators(through=proxy)
    shop = link(scene, "shop")
    scene.kubectl.delete("ClusterRoleBinding", "ebbflow-operator")
    try:
        # A watch that is open goes on without the right: it is asked for when it is opened.
        proxy.end_watches()
        wait_unready(
            operator,
            f"the operator may not list templates.ebbflow.dev in namespace {scene.namespace}; "
            "bind the operator's ClusterRole to its account",
        )
    finally:
        install(cluster, "--rbac-only")
    operator.wait_ready()
    assert_hears_both_sides(shop)


@pytest.mark.usefixtures("account")
def test_a_restarted_api_server_is_found_again(
    cluster: ControlPlane, scene: Scene, operators: Operators
) -> None:
    operator = operators(PATIENT)
    shop = link(scene, "shop")
    cluster.stop_apiserver()
    wait_unready(operator, "is not being watched")
    cluster.start_apiserver()
    operator.wait_ready()
    assert_hears_both_sides(shop)
    assert operator.metric("leader_election_master_status") == 1


@pytest.mark.usefixtures("account")
def test_a_paused_etcd_is_waited_for(
    cluster: ControlPlane, scene: Scene, operators: Operators
) -> None:
    operator = operators(PATIENT)
    shop = link(scene, "shop")
    cluster.pause_etcd()
    try:
        eventually(lambda: not cluster.request("GET", "/readyz").ok, AWAY_SECONDS, "the outage")
    finally:
        cluster.resume_etcd()
    assert_hears_both_sides(shop)
    assert operator.running


def test_an_operator_that_starts_before_the_api_server_waits_for_it(
    cluster: ControlPlane, operators: Operators
) -> None:
    operator = operators()
    operator.terminate()
    cluster.stop_apiserver()
    try:
        operator.start()
        wait_unready(operator, "no answer from the API server")
    finally:
        cluster.start_apiserver()
    operator.wait_ready()
