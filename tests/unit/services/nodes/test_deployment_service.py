"""DeploymentService nodes: when a service counts as rolled out."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from tests.support.run_stage import RunWorld

PROBE = {"type": "readinessProbe", "protocol": "HTTP", "port": 8080}
LIVENESS = PROBE | {"type": "livenessProbe"}
READY = {"tcpSocket": {"port": 8080}}
HAVE_STARTED = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
HAVE_LASTED = {
    **HAVE_STARTED,
    "availableReplicas": 1,
    "conditions": [{"type": "Available", "status": "True"}],
}


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


async def deployed(world: RunWorld, **fields: Any) -> JsonObject:
    """Run a service; the Deployment that is there then."""
    spec = {"name": "api", "image": "registry.example.com/api:1", **fields}
    world.template({"kind": "DeploymentService", "spec": spec})
    world.ask()
    await world.settle()
    return world.objects.live("Deployment", "api", group="apps")


def container(name: str, **fields: Any) -> JsonObject:
    return {"podTemplate": {"spec": {"containers": [{"name": name, **fields}]}}}


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        pytest.param({}, 5, id="no-probe"),
        pytest.param({"healthChecks": [LIVENESS]}, 5, id="another-probe"),
        pytest.param({"healthChecks": [PROBE]}, None, id="readiness-probe"),
        pytest.param(container("api", readinessProbe=READY), None, id="in-the-pod-template"),
        pytest.param(
            container("proxy", image="registry.example.com/proxy:1", readinessProbe=READY),
            5,
            id="of-another-container",
        ),
        pytest.param({"minReadySeconds": 0}, None, id="as-kubernetes-has-it"),
        pytest.param({"minReadySeconds": 30}, 30, id="longer"),
        pytest.param({"minReadySeconds": 30, "healthChecks": [PROBE]}, 30, id="longer-with-probe"),
    ],
)
async def test_pods_that_nothing_asks_whether_they_work_have_to_last(
    world: RunWorld, fields: JsonObject, seconds: int | None
) -> None:
    assert (await deployed(world, **fields))["spec"].get("minReadySeconds") == seconds


async def test_a_service_is_rolled_out_once_its_pods_have_lasted(world: RunWorld) -> None:
    live = await deployed(world)
    live["status"] = HAVE_STARTED
    await world.told()
    assert world.phase() == "Running"
    assert world.node("0").message == "Deployment default/api: 0 of 1 replicas are available"
    live["status"] = HAVE_LASTED
    await world.look()
    assert world.phase() == "Succeeded"


async def test_a_pod_that_is_ready_between_its_ends_does_not_hide_them(world: RunWorld) -> None:
    live = await deployed(world)
    live["status"] = HAVE_STARTED
    ended = {"lastState": {"terminated": {"exitCode": 3}}, "state": {"running": {}}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "api-1", "labels": live["spec"]["selector"]["matchLabels"]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "api", **ended}],
        },
    }
    world.objects.put(pod)
    world.advance(await world.look())
    await world.told()
    assert (world.node("0").message or "").startswith(
        "Deployment default/api: 0 of 1 replicas are available; Pod api-1: it was restarted: "
        "container api ended with exit code 3"
    )


async def test_more_than_a_deployment_would_wait_for_is_refused(world: RunWorld) -> None:
    world.template(
        {"kind": "DeploymentService", "spec": {"name": "a", "image": "a", "minReadySeconds": 600}}
    )
    run = await world.has_run("one")
    assert "less than or equal to 599" in (run.status.message or "")
