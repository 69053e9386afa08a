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
from ebbflow.domain.pods.exit import Exit, end_of

_ON_ITS_WAY: Final = ("ContainerCreating", "PodInitializing")
_SAID_ALL: Final = ("OOMKilled", "StartError", "ContainerCannotRun")
_CRASHES: Final = "CrashLoopBackOff"


def pod(live: JsonObject) -> Health:
    """A Pod is ready, or has succeeded. One that crashes again and again has failed."""
    status = mapping(live.get("status"))
    phase = text(status.get("phase"))
    troubles = "; ".join([*_troubles(live)][:3])
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


def latest_restart(live: JsonObject) -> str:
    """Return how a container ended that runs again in its Pod; empty if none was restarted.

    A Pod whose container ends again and again is ready in between.
    """
    for container in items(mapping(live.get("status")).get("containerStatuses")):
        ended = end_of(container, "lastState")
        if ended is not None:
            return f"it was restarted: {_words(live, ended, '--previous ')}"
    return ""


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


def _troubles(live: JsonObject) -> Iterator[str]:
    """What is wrong with the containers, each as one sentence for people."""
    status = mapping(live.get("status"))
    runs_on = mapping(live.get("spec")).get("restartPolicy") == "Always"
    for container in items(status.get("initContainerStatuses")):
        yield from _trouble(live, container, runs_on=False)
    for container in items(status.get("containerStatuses")):
        yield from _trouble(live, container, runs_on=runs_on)


def _trouble(live: JsonObject, container: JsonObject, *, runs_on: bool) -> Iterator[str]:
    name = text(container.get("name"))
    waiting = mapping(mapping(container.get("state")).get("waiting"))
    reason, ended = text(waiting.get("reason")), end_of(container, "state")
    if reason == _CRASHES:
        again = f"container {name}: {_CRASHES} after {count(container, 'restartCount')} restarts"
        last = end_of(container, "lastState")
        yield f"{again}: {_words(live, last, '--previous ')}" if last is not None else again
    elif reason and reason not in _ON_ITS_WAY:
        words = text(waiting.get("message")) or text(container.get("image"))
        yield f"container {name}: {reason}: {words}"
    elif ended is not None and (ended.code or runs_on):
        yield _words(live, ended)


def _words(live: JsonObject, ended: Exit, flag: str = "") -> str:
    """Return how a container ended, in its own words if it left some, else where its log is."""
    if ended.code and ended.reason in _SAID_ALL:
        return ended.words
    said = f"{ended.words}{'' if ended.code else ', and is to run on'}"
    if ended.message:
        return f"{said}: {ended.message}"
    metadata = mapping(live.get("metadata"))
    namespace, name = text(metadata.get("namespace")), text(metadata.get("name"))
    where = f"-n {namespace} {name}" if namespace else name
    return f"{said}; its log: kubectl logs {flag}{where} -c {ended.container}"
