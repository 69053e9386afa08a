"""Objects that one attempt makes and waits for: backups, and what restores them.

They are no part of what a document keeps in the cluster, so no later run takes them over, and none
prunes them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from ebbflow.api.base import JsonObject
from ebbflow.api.run import PlannedChange
from ebbflow.domain.cel import CelCompiler, NoValue
from ebbflow.domain.health import Current, health
from ebbflow.domain.health import Failed as Unhealthy
from ebbflow.domain.health_verdict import mapping
from ebbflow.domain.objects import KindMissing, ObjectId, Objects
from ebbflow.domain.pods.jobs import ATTEMPT, annotation, job_name
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    Planned,
    Result,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.objects.applying import prepared, to_come
from ebbflow.services.nodes.objects.creating import create
from ebbflow.services.nodes.objects.job_origin import OriginMissing, origin_spec
from ebbflow.services.nodes.objects.short_form import SNAPSHOTS, ProjectId
from ebbflow.services.nodes.pods.attempt_job import AttemptJobs, Ended
from ebbflow.services.nodes.spec import NodeSpec

MANAGER: Final = "ebbflow-once"
"""The field manager of such objects. Not that of runs: they are in no inventory."""

_TELL_THEIR_END: Final = frozenset(
    ((SNAPSHOTS, "VolumeSnapshot"), ("batch", "Job"), ("", "PersistentVolumeClaim"))
)
"""Kinds whose own status says when they are done."""


class CronJobName(NodeSpec):
    """Whose Job is run."""

    kind: Literal["CronJob"] = Field(default="CronJob", description="Its kind.")
    name: str = Field(min_length=1, max_length=52, description="Its name.")


class OnceSpec(NodeSpec):
    """What is made for one attempt, and when it is done."""

    manifest: JsonObject | None = Field(
        default=None,
        description="An object. Without metadata.name it gets a name of its own, which begins with "
        "metadata.generateName.",
    )
    from_: CronJobName | None = Field(
        default=None, alias="from", description="A CronJob whose Job is run."
    )
    until: str | None = Field(
        default=None,
        max_length=2048,
        description="CEL over `object` that says when it is done. VolumeSnapshots, Jobs and "
        "PersistentVolumeClaims say so themselves; others need it.",
    )
    fails_if: str | None = Field(
        default=None, max_length=2048, description="CEL over `object` that says that it has failed."
    )
    project_id: ProjectId = None

    @model_validator(mode="after")
    def _tells_its_end(self) -> Self:
        if self.manifest is None or self.until is not None:
            return self
        api_version, kind = self.manifest.get("apiVersion"), self.manifest.get("kind")
        group = str(api_version).rpartition("/")[0]
        if (group, kind) not in _TELL_THEIR_END:
            raise ValueError(
                f"until: nobody knows when a {kind} is done; say so with CEL, such as "
                "object.status.phase == 'Completed'"
            )
        return self


class MadeOnce:
    """Makes an object under a name that follows from the attempt, and waits for its end."""

    def __init__(self, objects: Objects, cel: CelCompiler, jobs: AttemptJobs) -> None:
        self._objects = objects
        self._cel = cel
        self._jobs = jobs

    async def act(self, call: Call[Any], spec: OnceSpec, manifest: JsonObject | None) -> Result:
        """Make what the spec asks for (or `manifest`), or see how it stands.

        Raises CannotDo, NotNow, ObjectError, CelError.
        """
        if manifest is None:
            return await self._job(call, spec)
        made = _prepared(call, spec, manifest)
        target = ObjectId.of(made)
        if call.fresh and not call.recalled:
            live: JsonObject | None = await create(self._objects, made, call.run.account, MANAGER)
        else:
            live = await self._objects.get(target, call.run.account)
        if live is None:
            return Failed(f"{target.title} was deleted before its end was seen")
        if annotation(live, ATTEMPT) != call.idempotency_key:
            return Failed(
                f"there is a {target.title} already that this attempt did not make; leave "
                "metadata.name out, or delete it"
            )
        return self._judged(spec, live)

    async def plan(self, call: Call[Any], spec: OnceSpec, manifest: JsonObject | None) -> Planned:
        """Say what would be made, by a server-side dry run of what is no Job."""
        if manifest is None:
            target = self._jobs.target(call, spec.project_id)
            # An earlier node may be about to make it.
            with suppress(OriginMissing):
                await self._origin(call, spec, target.namespace)
            return _planned(call, target, {})
        made = _prepared(call, spec, manifest)
        # Without its kind an earlier node may be about to make that: this is all that can be told.
        with suppress(KindMissing):
            made = await self._objects.apply(made, call.run.account, manager=MANAGER, dry_run=True)
        return _planned(call, ObjectId.of(made), to_come(made))

    async def stop(self, call: Call[Any], spec: OnceSpec) -> str:
        """End the Job, which would go on. Others stay: half a backup may be all that there is.

        Return how its log ended, as AttemptJobs.stop does. Raises ObjectError.
        """
        if spec.from_ is None:
            return ""
        return await self._jobs.stop(call, self._jobs.target(call, spec.project_id))

    async def _job(self, call: Call[Any], spec: OnceSpec) -> Result:
        target = self._jobs.target(call, spec.project_id)
        if call.fresh and not call.recalled:
            job = await self._origin(call, spec, target.namespace)
            live: JsonObject | None = await self._jobs.make(call, target, job)
        else:
            live = await self._jobs.get(call, target)
        seen = await self._jobs.look(call, target, live)
        if not isinstance(seen, Ended):
            return seen
        if not seen.succeeded:
            return seen.failed()
        outputs = {"id": seen.name, "name": seen.name, "log": seen.log}
        return Succeeded(outputs, f"the Job {seen.name} ended")

    async def _origin(self, call: Call[Any], spec: OnceSpec, namespace: str) -> JsonObject:
        if spec.from_ is None:
            raise CannotDo("spec: say what is made")
        name = spec.from_.name
        return await origin_spec(self._objects, call, namespace, name, field="spec.from")

    def _judged(self, spec: OnceSpec, live: JsonObject) -> Result:
        target = ObjectId.of(live)
        outputs = {**live, "id": target.name, "name": target.name}
        if spec.fails_if is not None and self._holds(spec.fails_if, live):
            return Failed(f"{target.title} has failed: {spec.fails_if}")
        verdict = health(live)
        if spec.until is not None:
            if self._holds(spec.until, live):
                return Succeeded(outputs, f"{target.title} is done")
            return _waits(f"{target.title}: until {spec.until!r} is true", target, outputs)
        if isinstance(verdict, Current):
            return Succeeded(outputs, f"{target.title} is done")
        if isinstance(verdict, Unhealthy):
            return Failed(f"{target.title}: {verdict.message}")
        return _waits(f"{target.title}: {verdict.message}", target, outputs)

    def _holds(self, expression: str, live: JsonObject) -> bool:
        """Tell whether an expression is true; what it asks of is often not there at first."""
        try:
            return self._cel.compile(expression, ("object",)).holds({"object": live})
        except NoValue:
            return False


def _prepared(call: Call[Any], spec: OnceSpec, manifest: JsonObject) -> JsonObject:
    """Return the object as it is made: named, and marked with its attempt."""
    metadata = mapping(manifest.get("metadata"))
    prefix = str(metadata.get("generateName") or call.ref or call.path)
    name = job_name(call.run.key.name, prefix, call.attempt, call.idempotency_key)
    given = {key: value for key, value in metadata.items() if key != "generateName"}
    annotations = {**mapping(metadata.get("annotations")), ATTEMPT: call.idempotency_key}
    named = {**given, "name": metadata.get("name") or name, "annotations": annotations}
    if spec.project_id is not None:
        named.setdefault("namespace", spec.project_id)
    return prepared(call, [{**manifest, "metadata": named}])[0]


def _planned(call: Call[Any], target: ObjectId, outputs: JsonObject) -> Planned:
    title = f"{target.api_version} {target.title}"
    change = PlannedChange(node=call.path, object=title, action="create")
    return Planned((change,), {**outputs, "id": target.name, "name": target.name})


def _waits(message: str, target: ObjectId, outputs: JsonObject) -> Working:
    return Working(message, follow=(target,), outputs=outputs)
