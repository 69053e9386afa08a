"""Short forms with pods that really run: what the kubelet makes of restricted ones."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.job_runs import IMAGE, NOBODY, Place, place_on

JsonObject = dict[str, Any]
PAGE = "hello from a file"


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


def job(script: str) -> JsonObject:
    spec = {"name": "look", "image": IMAGE, "securityContext": NOBODY, "backoffLimit": 0}
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
