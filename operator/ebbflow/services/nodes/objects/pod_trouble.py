"""What is wrong with the pods of a workload: its own status says only how many are not ready."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.health import Current, health
from ebbflow.domain.health_of_pods import latest_restart
from ebbflow.domain.objects import Account, ObjectError, ObjectId, Objects
from ebbflow.domain.pods.choice import newest_first, selector_of
from ebbflow.domain.pods.exit import hopeless

PATIENCE: Final = timedelta(seconds=5)
"""How long pods may take before they are looked at."""

RECHECK: Final = timedelta(seconds=10)

_WORKLOADS: Final = frozenset(
    (("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("apps", "ReplicaSet"))
) | {("batch", "Job")}


def has_pods(live: JsonObject) -> bool:
    """Tell whether the object is one that makes pods."""
    target = ObjectId.of(live)
    return (target.group, target.kind) in _WORKLOADS


async def trouble_with_pods(objects: Objects, live: JsonObject, account: Account) -> str:
    """Return what is wrong with the newest pod that is not well, or was not a moment ago.

    Empty if nothing is known. The pods are read in the tenant's name. An account that may not list
    them misses only words.
    """
    # The newest first: those of an earlier revision may be left over for a while.
    pods = await _pods(objects, live, account)
    for pod in pods:
        verdict = health(pod)
        if not isinstance(verdict, Current):
            return f"Pod {ObjectId.of(pod).name}: {verdict.message}"
    restarts = ((ObjectId.of(pod).name, latest_restart(pod)) for pod in pods)
    return next((f"Pod {name}: {words}" for name, words in restarts if words), "")


async def why_hopeless(objects: Objects, live: JsonObject, account: Account) -> str:
    """Return why a pod of a workload will not start however long one waits; empty if it may."""
    found = (hopeless(pod) for pod in await _pods(objects, live, account))
    return next((why for why in found if why), "")


async def _pods(objects: Objects, live: JsonObject, account: Account) -> list[JsonObject]:
    labels = selector_of(live) if has_pods(live) else None
    if not labels:
        return []
    try:
        pods = await objects.find("", "Pod", ObjectId.of(live).namespace, labels, account)
    except ObjectError:
        return []
    return newest_first(pods)
