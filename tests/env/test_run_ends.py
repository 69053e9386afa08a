"""Runs whose object, source or copy of the document is taken away, and Runs with two leaders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import fresh_namespace
from tests.support.burst import Burst, check_turns
from tests.support.canary import CanarySearch
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually

HOUR = {"kind": "Delay", "spec": {"duration": "1h"}}
SOON = 20.0
PROCESSES = 2
EACH = 10


def slow(kubectl: Kubectl, namespace: str, name: str) -> Source:
    """Make a Template whose Runs take an hour, one after the other, and start two of them."""
    shop = source(kubectl, namespace, name, steps_document(HOUR), concurrencyPolicy="Queue")
    shop.wait_phase(shop.start(f"{name}-1"), "Waiting")
    shop.wait_phase(shop.start(f"{name}-2"), "Queued")
    return shop


def wait_gone(shop: Source, *names: str) -> None:
    for name in names:
        eventually(
            lambda name=name: shop.kubectl.find("Run", name, shop.namespace) is None,
            SOON,
            f"{name} to be gone",
        )


def test_a_run_that_is_deleted_while_it_runs_goes_and_the_next_one_begins(
    kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    del operator
    shop = slow(kubectl, namespace, "deleted")
    kubectl.delete("Run", "deleted-1", namespace)
    wait_gone(shop, "deleted-1")
    shop.wait_phase("deleted-2", "Waiting")


@pytest.mark.parametrize("anew", [False, True], ids=["for-good", "and-made-anew"])
def test_the_runs_of_a_template_that_is_deleted_are_stopped_and_go(
    kubectl: Kubectl, namespace: str, operator: OperatorProcess, *, anew: bool
) -> None:
    del operator
    shop = slow(kubectl, namespace, "parent")
    kubectl.delete("Template", "parent", namespace)
    if anew:
        document = steps_document({"kind": "Delay", "spec": {"duration": "0s"}})
        source(kubectl, namespace, "parent", document, concurrencyPolicy="Queue")
        shop.wait_end(shop.start("parent-3"))
    wait_gone(shop, "parent-1", "parent-2")


def test_a_run_goes_on_although_its_copy_of_the_document_was_removed(
    kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    document = steps_document({"kind": "Delay", "spec": {"duration": "5s"}})
    shop = source(kubectl, namespace, "copy", document)
    shop.wait_phase(shop.start("copy-1"), "Waiting")
    name = shop.run("copy-1")["status"]["documentRef"]["name"]
    revision = kubectl.get("ControllerRevision", name, namespace)
    operator.kill()
    kubectl.delete("ControllerRevision", name, namespace)
    operator.start()
    shop.wait_end("copy-1")
    again = kubectl.get("ControllerRevision", name, namespace)
    assert again["data"] == revision["data"]


@pytest.fixture
def elsewhere(kubectl: Kubectl, canary_search: CanarySearch) -> Iterator[str]:
    with fresh_namespace(kubectl, "elsewhere", canary_search) as name:
        yield name


def test_two_operators_that_both_think_they_lead_run_each_run_once_and_in_turn(
    cluster: ControlPlane, kubectl: Kubectl, namespace: str, elsewhere: str, operators: Operators
) -> None:
    # Which namespaces are served makes the Lease's name.
    both = operators(), operators(namespaces=[namespace, elsewhere])
    assert [each.metric("leader_election_master_status") for each in both] == [1, 1]
    shop = source(
        kubectl,
        namespace,
        "twice",
        steps_document(config_map("${args.NAME}", v="1"), arguments={"NAME": ""}),
        concurrencyPolicy="Queue",
        queueLimit=100,
        history={"succeeded": 100, "failed": 100},
        serviceAccountName=deployer(kubectl, namespace),
    )
    with Burst(shop, cluster.kubeconfig, PROCESSES, EACH) as burst:
        names = burst.wait()
    eventually(lambda: shop.count("Succeeded") == len(names), 3 * SOON, "every Run to succeed")
    runs = shop.runs()
    check_turns(runs)
    attempts = {node["attempt"] for run in runs for node in run["status"]["nodes"]}
    assert attempts == {1}
