"""Changes of one field of a workload: restart, scale, pause and resume.

Each is a server-side apply of that field alone, under a manager of its own: what else the object
holds stays. No run takes such a field back, but a Manifest that names it does, at its next run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.domain.health import Current, health
from ebbflow.domain.health import Failed as Unhealthy
from ebbflow.domain.health_verdict import count, mapping
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.domain.pods.jobs import annotation
from ebbflow.domain.times import format_micro_time
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    Planned,
    Result,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.objects.applying import planned_change
from ebbflow.services.nodes.objects.pod_trouble import PATIENCE, RECHECK, trouble_with_pods

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation of the pod template that `kubectl rollout restart` sets too."""

PAUSED_REPLICAS: Final = f"{GROUP}/paused-replicas"
"""How many replicas a workload had before it was paused."""

RESTART_MANAGER: Final = "ebbflow-restart"
SCALE_MANAGER: Final = "ebbflow-scale"
SUSPEND_MANAGER: Final = "ebbflow-suspend"

Change = Literal["restart", "scale", "pause", "resume"]

_SCALED: Final = ("Deployment", "StatefulSet", "ReplicaSet")
_SUSPENDED: Final = ("CronJob", "Job")
KINDS: Final[dict[Change, tuple[str, ...]]] = {
    "restart": ("Deployment", "StatefulSet", "DaemonSet"),
    "scale": _SCALED,
    "pause": (*_SCALED, *_SUSPENDED),
    "resume": (*_SCALED, *_SUSPENDED),
}
"""What can be changed so."""


@dataclass(frozen=True, slots=True)
class _Patch:
    """The fields to apply, and who owns them."""

    fields: JsonObject
    manager: str


class WorkloadChanges:
    """Applies a change once an attempt, and waits until the workload is as it should be."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def act(
        self, call: Call[Any], change: Change, target: ObjectId, replicas: int | None
    ) -> Result:
        """Make the change, or see how the workload stands. Raises CannotDo, ObjectError."""
        live = await self._objects.get(target, call.run.account)
        if live is None:
            return Failed(f"there is no {target.title}; correct the target, or create it before")
        if call.fresh and not call.recalled:
            patch = _patch(call, change, live, replicas)
            if patch is not None:
                live = await self._apply(call, live, patch)
        return await self._judged(call, target, live)

    async def plan(
        self, call: Call[Any], change: Change, target: ObjectId, replicas: int | None
    ) -> Planned:
        """Say what the change would be, by a server-side dry run."""
        live = await self._objects.get(target, call.run.account)
        if live is None:
            # An earlier node may be about to make it.
            return Planned(outputs={})
        patch = _patch(call, change, live, replicas)
        after = live if patch is None else await self._apply(call, live, patch, dry_run=True)
        return Planned((planned_change(call, live, after),), after)

    async def _apply(
        self, call: Call[Any], live: JsonObject, patch: _Patch, *, dry_run: bool = False
    ) -> JsonObject:
        target = ObjectId.of(live)
        metadata = {
            "name": target.name,
            "namespace": target.namespace,
            # Only this very object: an apply would make one that is gone meanwhile.
            "uid": live["metadata"]["uid"],
            **mapping(patch.fields.get("metadata")),
        }
        manifest = {"apiVersion": live["apiVersion"], "kind": live["kind"], **patch.fields}
        return await self._objects.apply(
            {**manifest, "metadata": metadata},
            call.run.account,
            manager=patch.manager,
            dry_run=dry_run,
        )

    async def _judged(self, call: Call[Any], target: ObjectId, live: JsonObject) -> Result:
        if target.kind in _SUSPENDED:
            return Succeeded(live, f"{target.title} is changed")
        verdict = health(live)
        if isinstance(verdict, Current):
            return Succeeded(live, f"{target.title}: {verdict.message}")
        words = f"{target.title}: {verdict.message}"
        patient = call.now - call.attempt_at >= PATIENCE
        if patient or isinstance(verdict, Unhealthy):
            trouble = await trouble_with_pods(self._objects, live, call.run.account)
            words += f"; {trouble}" if trouble else ""
        if isinstance(verdict, Unhealthy):
            return Failed(words)
        after = RECHECK if patient else PATIENCE
        return Working(words, after=after, follow=(target,), made=False, outputs=live)


def _patch(
    call: Call[Any], change: Change, live: JsonObject, replicas: int | None
) -> _Patch | None:
    """Return what makes the change; None: it is so already."""
    suspended = live["kind"] in _SUSPENDED
    match change:
        case "restart":
            notes = {RESTARTED_AT: format_micro_time(call.attempt_at)}
            template = {"metadata": {"annotations": notes}}
            return _Patch({"spec": {"template": template}}, RESTART_MANAGER)
        case "scale":
            return _Patch({"spec": {"replicas": replicas}}, SCALE_MANAGER)
        case "pause":
            return _suspend(suspend=True) if suspended else _paused(live)
        case "resume":
            return _suspend(suspend=False) if suspended else _resumed(live, replicas)


def _suspend(*, suspend: bool) -> _Patch:
    return _Patch({"spec": {"suspend": suspend}}, SUSPEND_MANAGER)


def _paused(live: JsonObject) -> _Patch | None:
    now = count(mapping(live.get("spec")), "replicas", 1)
    if not now:
        return None
    notes = {"annotations": {PAUSED_REPLICAS: str(now)}}
    return _Patch({"metadata": notes, "spec": {"replicas": 0}}, SCALE_MANAGER)


def _resumed(live: JsonObject, replicas: int | None) -> _Patch | None:
    if count(mapping(live.get("spec")), "replicas", 1):
        return None
    before = annotation(live, PAUSED_REPLICAS) or ""
    known = int(before) if before.isdecimal() and len(before) < 6 else None  # noqa: PLR2004 - digits
    wanted = replicas or known
    if not wanted:
        title = ObjectId.of(live).title
        raise CannotDo(
            f"nobody knows how many replicas {title} had, as no pause noted it; say so with replicas"
        )
    return _Patch({"spec": {"replicas": wanted}}, SCALE_MANAGER)
