"""How containers ended: which of several counts, and what people are told."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.pods.exit import exit_of, first_failure, hopeless, why_going, why_lost

JsonObject = dict[str, Any]


def ended(name: str, code: int, at: str = "", **more: str) -> JsonObject:
    return {"name": name, "state": {"terminated": {"exitCode": code, "finishedAt": at, **more}}}


def waiting(name: str, reason: str, words: str = "") -> JsonObject:
    return {
        "name": name,
        "image": "a:1",
        "state": {"waiting": {"reason": reason, "message": words}},
    }


def pod(*containers: JsonObject, inits: tuple[JsonObject, ...] = (), **status: Any) -> JsonObject:
    states = {"containerStatuses": list(containers), "initContainerStatuses": list(inits)}
    return {"spec": {"nodeName": "n1"}, "status": {**states, **status}}


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        pytest.param(pod(ended("a", 0)), None, id="all-well"),
        pytest.param(pod(ended("a", 1, "2"), ended("b", 2, "1")), "b", id="the-first-in-time"),
        pytest.param(pod(ended("a", 0, "1"), ended("b", 2, "3")), "b", id="one-failed"),
        pytest.param(pod(inits=(ended("i", 1, "1"),)), "i", id="an-init-container"),
        pytest.param(pod({"name": "a", "state": {"running": {}}}), None, id="runs"),
        pytest.param({"status": {"containerStatuses": "odd"}}, None, id="odd"),
    ],
)
def test_the_container_that_failed_first_counts(seen: JsonObject, name: str | None) -> None:
    found = first_failure(seen)
    assert (found.container if found else None) == name


def test_the_end_of_one_container_has_its_message() -> None:
    seen = pod(ended("a", 0, message="sha256:1"), ended("b", 0))
    found = exit_of(seen, "a")
    assert found is not None
    assert found.message == "sha256:1"
    assert exit_of(seen, "c") is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param({}, "", id="not-lost"),
        pytest.param(
            {"reason": "Evicted", "message": "low on memory"},
            "Evicted: low on memory (it ran on node n1)",
            id="evicted",
        ),
        pytest.param(
            {
                "conditions": [
                    {"type": "DisruptionTarget", "status": "True", "message": "node is gone"}
                ]
            },
            "the cluster took it away: node is gone (it ran on node n1)",
            id="node-gone",
        ),
    ],
)
def test_a_pod_that_the_cluster_took_away_says_why(status: JsonObject, words: str) -> None:
    assert why_lost(pod(**status)) == words


TAKEN = {"type": "DisruptionTarget", "status": "True", "message": "deleting due to a taint"}


@pytest.mark.parametrize(
    ("metadata", "conditions", "words"),
    [
        pytest.param({"deletionTimestamp": "2026-11-21T12:00:00Z"}, [], "", id="by-somebody"),
        pytest.param({}, [TAKEN], "", id="has-gone"),
        pytest.param(
            {"deletionTimestamp": "2026-11-21T12:00:00Z"},
            [TAKEN],
            "the cluster took it away: deleting due to a taint (it ran on node n1); it may run on "
            "until its node says that it has ended. If the node is gone for good, delete it "
            "(kubectl delete node n1)",
            id="on-a-node-that-is-silent",
        ),
    ],
)
def test_a_pod_that_is_being_taken_away_says_what_it_waits_for(
    metadata: JsonObject, conditions: list[JsonObject], words: str
) -> None:
    assert why_going({**pod(conditions=conditions), "metadata": metadata}) == words


@pytest.mark.parametrize(
    ("container", "words"),
    [
        pytest.param(waiting("a", "ContainerCreating"), "", id="is-being-made"),
        pytest.param(waiting("a", "ImagePullBackOff", "no such tag"), "cannot be had", id="pull"),
        pytest.param(waiting("a", "InvalidImageName"), "cannot be had", id="name"),
        pytest.param(
            waiting("a", "CreateContainerConfigError", 'secret "x" not found'), "", id="may-come"
        ),
        pytest.param(
            waiting("a", "CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
            "runs as root",
            id="root",
        ),
    ],
)  # fmt: skip
def test_what_waiting_will_not_mend(container: JsonObject, words: str) -> None:
    assert words in hopeless(pod(container))
    assert bool(words) == bool(hopeless(pod(container)))
