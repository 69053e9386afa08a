"""Objects with a status, as controllers leave them, for the rules of health."""

from __future__ import annotations

from typing import Any


def made(kind: str, spec: Any = None, status: Any = None, **metadata: Any) -> dict[str, Any]:
    api_version, _, name = kind.rpartition(" ")
    out: dict[str, Any] = {"apiVersion": api_version, "kind": name}
    out["metadata"] = {"name": "x", "generation": 2, **metadata}
    return out | {"spec": spec or {}, "status": status or {}}


def state(type_: str, status: str, reason: str = "Why", message: str = "") -> dict[str, str]:
    return {"type": type_, "status": status, "reason": reason, "message": message}


AVAILABLE = state("Available", "True")
ROLLED = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
DEPLOYMENT = {"observedGeneration": 2, **ROLLED, "conditions": [AVAILABLE]}


def deployment(**status: Any) -> dict[str, Any]:
    return made("apps/v1 Deployment", {"replicas": 3}, DEPLOYMENT | status)


SET = {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3}


def stateful(spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    revisions = {"currentRevision": "b", "updateRevision": "b"}
    return made("apps/v1 StatefulSet", {"replicas": 3} | (spec or {}), SET | revisions | status)


DAEMONS = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 2,
    "currentNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
    "numberReady": 2,
}


def daemons(**status: Any) -> dict[str, Any]:
    return made("apps/v1 DaemonSet", None, DAEMONS | status)


def replicas(**status: Any) -> dict[str, Any]:
    ready = {"replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    return made("apps/v1 ReplicaSet", {"replicas": 2}, ready | status)


def job(spec: Any = None, **status: Any) -> dict[str, Any]:
    return made("batch/v1 Job", spec, status)


def pod(phase: str, container: Any = None, **status: Any) -> dict[str, Any]:
    containers = [container] if container else []
    return made("v1 Pod", None, {"phase": phase, "containerStatuses": containers, **status})


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "app", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def route(*conditions: dict[str, Any], gateway: str = "web", **reference: str) -> dict[str, Any]:
    parents = [{"parentRef": {"name": gateway, **reference}, "conditions": list(conditions)}]
    spec = {"parentRefs": [{"name": "web"}]}
    return made("gateway.networking.k8s.io/v1 HTTPRoute", spec, {"parents": parents})


CRASHED = waiting(
    "CrashLoopBackOff",
    restartCount=4,
    lastState={"terminated": {"exitCode": 2, "reason": "Error", "message": "no database"}},
)
CRD = "apiextensions.k8s.io/v1 CustomResourceDefinition"
BALANCER = {"type": "LoadBalancer"}
SNAPSHOT = "snapshot.storage.k8s.io/v1 VolumeSnapshot"
PDB = "policy/v1 PodDisruptionBudget"
