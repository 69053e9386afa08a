"""JobRun in a namespace with a LimitRange and a ResourceQuota, with pods that really run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.job_runs import END_SECONDS, Place, message, node, place_on
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

DEFAULT, MOST, ROOM = "48Mi", "64Mi", "80Mi"
"""What a container without a limit gets, what one may have, and what all have together."""

QUICKLY = 30.0
"""Seconds in which a refusal is seen that stays; far from the timeouts of the nodes."""


@pytest.fixture(scope="module")
def place(
    node_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[Place]:
    with place_on(node_cluster, tmp_path_factory.mktemp("limits"), process_group) as made:
        limit = {
            "type": "Container",
            "default": {"memory": DEFAULT},
            "defaultRequest": {"memory": DEFAULT},
            "max": {"memory": MOST},
        }
        put(made, "LimitRange", {"limits": [limit]})
        put(made, "ResourceQuota", {"hard": {"limits.memory": ROOM}})
        yield made


def put(place: Place, kind: str, spec: JsonObject, name: str = "small") -> str:
    """Make an object in the place's namespace; its path."""
    metadata = {"name": name, "namespace": place.namespace}
    made = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
    path = f"/api/v1/namespaces/{place.namespace}/{kind.lower()}s"
    place.kubectl.api.call("POST", path, made)
    return f"{path}/{name}"


@contextmanager
def quota(place: Place, **hard: str) -> Iterator[None]:
    path = put(place, "ResourceQuota", {"hard": hard}, "more")
    try:
        yield
    finally:
        place.kubectl.api.call("DELETE", path)


def no_pod_runs(place: Place) -> bool:
    """Tell whether the quota is whole again: pods count until they have ended."""
    path = f"/api/v1/namespaces/{place.namespace}/resourcequotas/small"
    used = place.kubectl.api.call("GET", path).get("status", {}).get("used", {})
    return used.get("limits.memory") == "0"


def test_a_container_without_a_limit_gets_the_namespaces(place: Place) -> None:
    run = place.run(node("true"))
    (pod,) = place.pods(run["metadata"]["name"])
    (container,) = pod["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == DEFAULT


def test_a_limit_above_the_namespaces_fails_at_once_and_says_what_to_do(place: Place) -> None:
    begun = time.monotonic()
    asked = {"limits": {"memory": "1Gi"}}
    run = place.run(node("true", resources=asked) | {"timeout": "10m"}, phase="Failed")
    assert time.monotonic() - begun < QUICKLY
    assert f"maximum memory usage per Container is {MOST}, but limit is 1Gi" in message(run)
    assert "change the node's resources, or have the namespace's LimitRange changed" in message(run)
    assert place.jobs(run["metadata"]["name"]) == []


def test_a_quota_for_what_a_pod_does_not_say_fails_at_once_and_says_what_to_do(
    place: Place,
) -> None:
    with quota(place, **{"requests.cpu": "1"}):
        run = place.run(node("true") | {"timeout": "10m"}, phase="Failed")
    assert "must specify requests.cpu for: main" in message(run)
    assert "give the node resources, or the namespace a LimitRange with defaults" in message(run)


def test_a_pod_that_finds_no_room_in_the_quota_is_made_when_there_is_room_again(
    place: Place,
) -> None:
    eventually(lambda: no_pod_runs(place), END_SECONDS, "the quota to be whole")
    first = place.start(node("trap exit TERM; sleep 300 & wait"))
    eventually(lambda: place.pods(first[1]), END_SECONDS, "the pod of the first")
    second = place.start(node("echo done") | {"timeout": "2m"})

    def said() -> bool:
        nodes = second[0].run(second[1]).get("status", {}).get("nodes", [])
        return any("exceeded quota: small" in (one.get("message") or "") for one in nodes)

    eventually(said, END_SECONDS, "the quota to be named")
    place.kubectl.patch("Run", first[1], place.namespace, {"spec": {"cancel": True}})
    place.wait(*second, "Succeeded")
