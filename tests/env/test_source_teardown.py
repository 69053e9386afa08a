"""teardownSpec on the real API server: killed in the middle, and blocked until somebody acts."""

from __future__ import annotations

from typing import Any

from tests.support.kubectl import Kubectl, condition_of
from tests.support.operator_process import OperatorProcess
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually

SOON = 30.0
UNTIL_TOLD = {
    "kind": "Condition",
    "spec": {
        "object": {"apiVersion": "v1", "kind": "ConfigMap", "name": "signal"},
        "until": "object.data.go == 'on'",
    },
}


def down(*steps: dict[str, Any], policy: str) -> dict[str, Any]:
    workflow = {"kind": "Workflow", "spec": {"type": "sequential", "steps": list(steps)}}
    return {"spec": workflow, "failurePolicy": policy}


def lived(kubectl: Kubectl, namespace: str, name: str, teardown: dict[str, Any]) -> Source:
    """Make a Template whose one run has made the ConfigMap `made`."""
    document = steps_document(config_map("made", v="1"), teardownSpec=teardown)
    robot = deployer(kubectl, namespace)
    shop = source(
        kubectl, namespace, name, document, serviceAccountName=robot, deletionPolicy="Delete"
    )
    shop.wait_end(shop.start(f"{name}-run"))
    return shop


def teardown_run(shop: Source) -> str:
    """Wait for the Run that takes down; its name."""

    def names() -> list[str]:
        found = [run["metadata"]["name"] for run in shop.runs()]
        return [name for name in found if name != f"{shop.name}-run"]

    eventually(lambda: bool(names()), SOON, "the teardown to begin")
    return names()[0]


def wait_gone(shop: Source) -> None:
    for kind, name in (("Template", shop.name), ("ConfigMap", "made")):
        eventually(
            lambda kind=kind, name=name: shop.kubectl.find(kind, name, shop.namespace) is None,
            SOON,
            f"{kind} {name} to be gone",
        )


def test_a_teardown_whose_operator_is_killed_goes_on_where_it_was(
    kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    first = config_map("first", was="${refs.made.data.v}")
    shop = lived(kubectl, namespace, "torn", down(first, UNTIL_TOLD, policy="block"))
    kubectl.delete("Template", "torn", namespace)
    name = teardown_run(shop)
    run = shop.wait_phase(name, "Waiting")
    assert run["status"]["trigger"]["type"] == "Teardown"
    assert kubectl.get("ConfigMap", "first", namespace)["data"] == {"was": "1"}
    assert kubectl.find("ConfigMap", "made", namespace) is not None
    operator.kill()
    operator.start()
    about = {"name": "signal", "namespace": namespace}
    signal = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": {"go": "on"}}
    kubectl.create(signal)
    wait_gone(shop)
    assert kubectl.find("ConfigMap", "first", namespace) is None


def test_a_teardown_that_blocks_is_tried_again_once_its_run_is_deleted(
    kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    del operator
    bad = down(config_map("NO NAME", v="1"), policy="block")
    shop = lived(kubectl, namespace, "blocked", bad)
    kubectl.delete("Template", "blocked", namespace)
    name = teardown_run(shop)
    shop.wait_phase(name, "Failed")

    def ready() -> dict[str, Any]:
        return condition_of(kubectl.get("Template", "blocked", namespace), "Ready") or {}

    eventually(lambda: ready().get("reason") == "TeardownFailed", SOON, "the Template to say so")
    assert f"kubectl delete runs.ebbflow.dev {name} -n {namespace}" in ready()["message"]
    assert kubectl.find("ConfigMap", "made", namespace) is not None
    good = {"document": {"teardownSpec": down(config_map("bye", v="1"), policy="block")}}
    document = kubectl.get("Template", "blocked", namespace)["spec"]["document"]
    kubectl.patch(
        "Template", "blocked", namespace, {"spec": {"document": document | good["document"]}}
    )
    kubectl.delete("Run", name, namespace)
    wait_gone(shop)
