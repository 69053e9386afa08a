"""A simulated node: pods get the status that a test wants, as quickly as it wants, and no process."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.waiting import eventually

EXIT_CODE = "ebbflow.dev/kwok-exit-code"
DURATION = "ebbflow.dev/kwok-duration"
MESSAGE = "ebbflow.dev/kwok-message"
WAITING = "ebbflow.dev/kwok-waiting"


@pytest.fixture(scope="module")
def place(kwok_cluster: ControlPlane) -> str:
    """The path of a namespace that is ready for pods."""
    name = f"kwok-{secrets.token_hex(3)}"
    kwok_cluster.kubectl_run("create", "namespace", name)
    kwok_cluster.wait_for_service_account(name)
    return f"namespaces/{name}"


def pod_spec(policy: str) -> dict[str, Any]:
    containers = [{"name": "main", "image": "registry.example/none:1"}]
    return {"restartPolicy": policy, "containers": containers}


def create(cluster: ControlPlane, path: str, document: dict[str, Any]) -> None:
    answer = cluster.request("POST", path, document)
    assert answer.status == 201, answer.body


def run_pod(cluster: ControlPlane, place: str, policy: str, **notes: str) -> str:
    name = f"pod-{secrets.token_hex(3)}"
    metadata = {"name": name, "annotations": notes}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(policy)}
    create(cluster, f"/api/v1/{place}/pods", document)
    return name


def status(cluster: ControlPlane, path: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.request("GET", path).json()["status"]
    return found


def container(cluster: ControlPlane, place: str, pod: str) -> dict[str, Any]:
    """Return the status of the pod's container; empty until there is one."""
    statuses = status(cluster, f"/api/v1/{place}/pods/{pod}").get("containerStatuses", [{}])
    first: dict[str, Any] = statuses[0]
    return first


def condition(cluster: ControlPlane, path: str, wanted: str) -> dict[str, Any] | None:
    conditions = status(cluster, path).get("conditions", [])
    met = [each for each in conditions if (each["type"], each["status"]) == (wanted, "True")]
    return met[0] if met else None


def test_a_deployment_becomes_available(kwok_cluster: ControlPlane, place: str) -> None:
    namespace = place.partition("/")[2]
    kwok_cluster.kubectl_run(
        "create", "deployment", "web", "--image=none:1", "--replicas=2", f"--namespace={namespace}"
    )

    path = f"/apis/apps/v1/{place}/deployments/web"
    eventually(lambda: condition(kwok_cluster, path, "Available"), 30, "the Deployment")
    assert status(kwok_cluster, path)["readyReplicas"] == 2


@pytest.mark.parametrize(
    ("notes", "ending"),
    [
        pytest.param({}, "Complete", id="without-a-word"),
        pytest.param({EXIT_CODE: "0"}, "Complete", id="code-0"),
        pytest.param({EXIT_CODE: "7"}, "Failed", id="code-7"),
    ],
)
def test_a_job_ends_as_its_pods_annotation_says(
    kwok_cluster: ControlPlane, place: str, notes: dict[str, str], ending: str
) -> None:
    name = f"job-{secrets.token_hex(3)}"
    template = {"metadata": {"annotations": notes}, "spec": pod_spec("Never")}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template},
    }
    create(kwok_cluster, f"/apis/batch/v1/{place}/jobs", job)

    path = f"/apis/batch/v1/{place}/jobs/{name}"
    eventually(lambda: condition(kwok_cluster, path, ending), 30, f"the Job to be {ending}")


def test_the_exit_code_and_the_message_are_those_of_the_annotations(
    kwok_cluster: ControlPlane, place: str
) -> None:
    notes = {EXIT_CODE: "137", MESSAGE: 'said "no": {} and left'}
    pod = run_pod(kwok_cluster, place, "Never", **notes)

    path = f"/api/v1/{place}/pods/{pod}"
    eventually(lambda: status(kwok_cluster, path)["phase"] == "Failed", 30, "the pod to fail")
    ended = container(kwok_cluster, place, pod)["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "Error")
    assert ended["message"] == notes[MESSAGE]


def test_a_pod_runs_on_until_its_time_is_over(kwok_cluster: ControlPlane, place: str) -> None:
    pod = run_pod(kwok_cluster, place, "Never", **{EXIT_CODE: "0", DURATION: "1h"})

    path = f"/api/v1/{place}/pods/{pod}"
    eventually(lambda: condition(kwok_cluster, path, "Ready"), 30, "the pod to be ready")
    assert kwok_cluster.request("DELETE", path).ok
    eventually(lambda: kwok_cluster.request("GET", path).status == 404, 30, "the pod to be gone")


def test_a_pod_that_would_be_restarted_is_in_a_crash_loop(
    kwok_cluster: ControlPlane, place: str
) -> None:
    pod = run_pod(kwok_cluster, place, "Always", **{EXIT_CODE: "3"})

    def waiting() -> str | None:
        state = container(kwok_cluster, place, pod).get("state", {})
        reason: str | None = state.get("waiting", {}).get("reason")
        return reason

    assert eventually(waiting, 30, "the pod to wait") == "CrashLoopBackOff"
    last = container(kwok_cluster, place, pod)["lastState"]["terminated"]
    assert last["exitCode"] == 3


def test_a_pod_may_never_start(kwok_cluster: ControlPlane, place: str) -> None:
    notes = {WAITING: "ImagePullBackOff", MESSAGE: "no such image"}
    pod = run_pod(kwok_cluster, place, "Never", **notes)

    def waiting() -> dict[str, str] | None:
        state = container(kwok_cluster, place, pod).get("state", {})
        found: dict[str, str] | None = state.get("waiting")
        return found

    assert eventually(waiting, 30, "the pod to wait") == {
        "reason": "ImagePullBackOff",
        "message": "no such image",
    }
    assert status(kwok_cluster, f"/api/v1/{place}/pods/{pod}")["phase"] == "Pending"


def test_while_the_node_is_paused_nothing_becomes_of_a_pod(
    kwok_cluster: ControlPlane, place: str
) -> None:
    kwok_cluster.pause_node()
    try:
        pod = run_pod(kwok_cluster, place, "Always")
        path = f"/api/v1/{place}/pods/{pod}"
        eventually(lambda: condition(kwok_cluster, path, "PodScheduled"), 30, "the pod's node")
        assert status(kwok_cluster, path)["phase"] == "Pending"
    finally:
        kwok_cluster.resume_node()

    eventually(lambda: condition(kwok_cluster, path, "Ready"), 30, "the pod to be ready")


def test_logs_say_that_nothing_runs_and_nothing_is_executed(
    kwok_cluster: ControlPlane, place: str
) -> None:
    namespace = place.partition("/")[2]
    pod = run_pod(kwok_cluster, place, "Always")
    path = f"/api/v1/{place}/pods/{pod}"
    eventually(lambda: condition(kwok_cluster, path, "Ready"), 30, "the pod to be ready")

    logs = kwok_cluster.kubectl_run("logs", pod, f"--namespace={namespace}")
    executed = kwok_cluster.kubectl_run(
        "exec", pod, f"--namespace={namespace}", "--", "id", check=False
    )

    assert logs.stdout == "no process runs: this node is simulated by kwok\n"
    assert executed.returncode != 0
    assert "uid=" not in executed.stdout + json.dumps(executed.stderr)
