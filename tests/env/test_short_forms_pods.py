"""Short forms with pods that really run: what the kubelet makes of restricted ones."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.job_runs import IMAGE, NOBODY, Place, message, place_on

JsonObject = dict[str, Any]
PAGE = "hello from a file"
NEVER_READY = [{"type": "readinessProbe", "protocol": "HTTP", "port": 8080}]


@pytest.fixture(scope="module")
def place(
    node_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[Place]:
    with place_on(node_cluster, tmp_path_factory.mktemp("forms"), process_group) as made:
        made.kubectl.patch(
            "Namespace",
            made.namespace,
            "",
            {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        )
        yield made


def service(**fields: Any) -> JsonObject:
    spec = {"name": "web", "image": IMAGE, "securityContext": NOBODY, **fields}
    return {"kind": "DeploymentService", "spec": spec}


def job(script: str, **fields: Any) -> JsonObject:
    spec = {"name": "look", "image": IMAGE, "securityContext": NOBODY, "backoffLimit": 0, **fields}
    return {"kind": "Job", "timeout": "50s", "spec": {**spec, "command": ["sh", "-c", script]}}


def test_a_service_with_a_file_is_reached_by_its_name(place: Place) -> None:
    page = {"data": base64.b64encode(PAGE.encode()).decode()}
    web = service(
        args=["httpd", "-f", "-p", "8080", "-h", "/www"],
        runtimeFiles={"/www/index.html": page},
        ports=[{"name": "http", "internalPort": 8080}],
        healthChecks=[{"type": "readinessProbe", "protocol": "HTTP", "port": 8080}],
    )
    place.run(web, job(f'test "$(wget -q -O - http://web:8080/)" = "{PAGE}"'))


def test_an_image_that_runs_as_root_is_said_to(place: Place) -> None:
    root = service(name="root", securityContext={}, args=["sleep", "3600"])
    run = place.run({**root, "timeout": "20s"}, phase="Failed")
    assert "container has runAsNonRoot and image will run as root" in run["status"]["message"]


def test_a_job_whose_image_is_not_there_does_not_wait_for_ever(place: Place) -> None:
    missing = job("true", name="none", image="127.0.0.1:1/none:1")
    run = place.run({**missing, "timeout": "10m"}, phase="Failed")
    assert "the image 127.0.0.1:1/none:1 of container none cannot be had" in message(run)
    assert place.kubectl.run("get", "jobs", "none", "-n", place.namespace, check=False) == ""


def test_how_a_container_of_a_job_or_a_service_ended_is_said(place: Place) -> None:
    run = place.run(job("exit 7", name="seven"), phase="Failed")
    assert "container seven ended with exit code 7; its log: kubectl logs -n" in message(run)
    greedy = job("tail /dev/zero", name="greedy", resources={"limits": {"memory": "16Mi"}})
    assert "raise its resources.limits.memory" in message(place.run(greedy, phase="Failed"))
    ends = service(name="ends", healthChecks=NEVER_READY, args=["true"])
    run = place.run({**ends, "timeout": "15s"}, phase="Failed")
    assert "container ends ended with exit code 0, and is to run on" in message(run)


def test_a_service_whose_container_ends_after_a_moment_is_not_rolled_out(place: Place) -> None:
    ends = service(name="moment", args=["sleep", "1"])
    run = place.run({**ends, "timeout": "20s"}, phase="Failed")
    assert "container moment ended with exit code 0, and is to run on" in message(run)
    lasts = service(name="moment", args=["sleep", "3600"])
    place.run({**lasts, "timeout": "50s"})
