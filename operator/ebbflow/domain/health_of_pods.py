"""The health of a Pod, and what the objects that make pods say of their trouble with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.health_verdict import (
    Current,
    Failed,
    Health,
    InProgress,
    condition,
    count,
    is_true,
    items,
    mapping,
    text,
    words_of,
)

_BROKEN_IMAGE: Final = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
_CRASHES: Final = "CrashLoopBackOff"


def pod(live: JsonObject) -> Health:
    """A Pod is ready, or has succeeded. One that crashes again and again has failed."""
    status = mapping(live.get("status"))
    phase = text(status.get("phase"))
    troubles = "; ".join([*_troubles(status)][:3])
    if phase == "Succeeded":
        return Current("it has ended well")
    if phase == "Failed":
        why = text(status.get("message")) or text(status.get("reason"))
        return Failed(troubles or why or "the pod failed")
    if _CRASHES in troubles:
        return Failed(troubles)
    if is_true(condition(live, "Ready")):
        return Current("ready")
    return InProgress(troubles or _not_ready(live, phase))


def _not_ready(live: JsonObject, phase: str) -> str:
    scheduled = condition(live, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"no node takes it: {words_of(scheduled, 'it is not scheduled')}"
    spec = mapping(live.get("spec"))
    if is_true(condition(live, "ContainersReady")) and not spec.get("readinessGates"):
        # The cluster says so of a pod whose node it has not heard of for a while.
        node = text(spec.get("nodeName"))
        return (
            f"its node {node} does not answer, so nobody knows how it is; repair the node, or, if it "
            f"is gone for good, delete it (kubectl delete node {node})"
        )
    return words_of(condition(live, "Ready"), f"its phase is {phase or 'not known yet'}")


def replica_trouble(live: JsonObject) -> str:
    """Return what a workload says of pods that it cannot make; empty if nothing."""
    failure = condition(live, "ReplicaFailure")
    return words_of(failure, "its pods cannot be made") if is_true(failure) else ""


def _troubles(status: JsonObject) -> Iterator[str]:
    """What is wrong with the containers, each as one sentence for people."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in items(status.get(field)):
            name = text(container.get("name"))
            waiting = mapping(mapping(container.get("state")).get("waiting"))
            ended = mapping(mapping(container.get("state")).get("terminated"))
            reason = text(waiting.get("reason"))
            if reason in _BROKEN_IMAGE:
                words = text(waiting.get("message")) or text(container.get("image"))
                yield f"container {name}: {reason}: {words}"
            elif reason == _CRASHES:
                yield f"container {name}: {reason}: {_last_end(container)}"
            elif reason.startswith("CreateContainer"):
                yield f"container {name}: {reason}: {text(waiting.get('message'))}"
            elif count(ended, "exitCode"):
                yield f"container {name} ended with exit code {count(ended, 'exitCode')}: {_why(ended)}"


def _last_end(container: JsonObject) -> str:
    last = mapping(mapping(container.get("lastState")).get("terminated"))
    restarts = count(container, "restartCount")
    return f"exit code {count(last, 'exitCode')} after {restarts} restarts: {_why(last)}"


def _why(ended: JsonObject) -> str:
    return text(ended.get("message")) or text(ended.get("reason")) or "read its log"
