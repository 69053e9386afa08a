"""Job, CronJob, ManualJob: a Job that runs now, by a schedule, or when a JobRun asks for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.health import Failed as Unhealthy
from ebbflow.domain.health import InProgress, health
from ebbflow.domain.health_verdict import count, mapping
from ebbflow.domain.objects import OWNER_LABEL, Invalid, ObjectId, Objects, owner_mark
from ebbflow.domain.pods.jobs import ATTEMPT, annotation
from ebbflow.services.nodes.kind import (
    Call,
    Failed,
    NodeKind,
    NotNow,
    Planned,
    Result,
    Working,
)
from ebbflow.services.nodes.objects.applying import Applying
from ebbflow.services.nodes.objects.pod_trouble import PATIENCE, why_hopeless
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE, by_kind, with_outputs
from ebbflow.services.nodes.pods.workload import (
    Pods,
    apply_workload,
    head,
    plan_workload,
    pods_of,
)
from ebbflow.services.nodes.pods.workload_spec import ImagePodSpec

COMPONENT: Final = "job"
LONGEST_CRON_NAME: Final = 52
NEVER: Final = "0 0 1 1 *"
"""The schedule of CronJobs that are suspended for good: they need one that can be read."""


class JobSpec(ImagePodSpec):
    """Pods that come to an end."""

    backoff_limit: int | None = Field(
        default=None, ge=0, le=1000, description="How often a failed pod is made anew; absent: 6."
    )
    active_deadline_seconds: int | None = Field(
        default=None, ge=1, description="After how long a Job is stopped as failed."
    )
    ttl_seconds_after_finished: int | None = Field(
        default=None, ge=0, description="After how long a finished Job goes; absent: it stays."
    )
    run_on_source_change: str | None = Field(default=None, max_length=32, description=LEFT_ASIDE)


class OneJobSpec(JobSpec):
    """A Job that runs now."""

    parallelism: int | None = Field(default=None, ge=0, le=1000, description="Pods at once.")
    completions: int | None = Field(default=None, ge=1, description="How many pods must succeed.")
    wait: bool = Field(default=True, description="Wait until it has succeeded.")


class ManualJobSpec(JobSpec):
    """A Job that a JobRun node or a person starts."""

    @field_validator("name")
    @classmethod
    def _leaves_room(cls, name: str) -> str:
        if len(name) > LONGEST_CRON_NAME:
            raise ValueError(
                f"must be at most {LONGEST_CRON_NAME} characters: the names of its Jobs are longer"
            )
        return name

    @property
    def when(self) -> JsonObject:
        """The fields of the CronJob that say when it starts Jobs: never."""
        return {"schedule": NEVER, "suspend": True}


class CronJobSpec(ManualJobSpec):
    """A Job that runs by a schedule."""

    schedule: str = Field(
        max_length=128, description='When, as cron has it: "0 3 * * *" is every day at 3.'
    )
    time_zone: str | None = Field(
        default=None, max_length=64, description="The schedule's zone, such as Europe/Berlin."
    )
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] | None = Field(
        default=None, description="What happens while the last one still runs; absent: Allow."
    )
    suspended: bool = Field(default=False, description="Start none.")
    starting_deadline_seconds: int | None = Field(
        default=None, ge=0, description="How late it may start."
    )
    successful_jobs_history_limit: int | None = Field(
        default=None, ge=0, le=100, description="How many that succeeded are kept; absent: 3."
    )
    failed_jobs_history_limit: int | None = Field(
        default=None, ge=0, le=100, description="How many that failed are kept; absent: 1."
    )

    @field_validator("concurrency_policy", mode="before")
    @classmethod
    def _as_kubernetes_spells_it(cls, given: Any) -> Any:
        return given.capitalize() if isinstance(given, str) else given

    @property
    @override
    def when(self) -> JsonObject:
        """The fields of the CronJob that say when it starts Jobs, and which are kept."""
        more = {
            "timeZone": self.time_zone,
            "concurrencyPolicy": self.concurrency_policy,
            "startingDeadlineSeconds": self.starting_deadline_seconds,
            "successfulJobsHistoryLimit": self.successful_jobs_history_limit,
            "failedJobsHistoryLimit": self.failed_jobs_history_limit,
        }
        return {"schedule": self.schedule, "suspend": self.suspended, **_given(more)}


class Job(NodeKind[OneJobSpec]):
    """Applies a Job and waits for its end. What cannot be changed in one makes it anew."""

    name: ClassVar[str] = "Job"
    recalls: ClassVar[bool] = True
    spec = OneJobSpec

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    @override
    async def act(self, call: Call[OneJobSpec]) -> Result:
        if call.fresh:
            await self._remove_failed(call)
        try:
            result = await self._apply(call)
        except Invalid as error:
            if "immutable" not in str(error) or not await self._removed(call):
                raise
            result = await self._apply(call)
        return await self._unless_hopeless(call, result)

    @override
    async def plan(self, call: Call[OneJobSpec]) -> Planned:
        live = await self._mine(call)
        # Which attempt wanted it is of no interest to whoever reads a plan.
        attempt = call.idempotency_key if live is None else annotation(live, ATTEMPT)
        planned = await plan_workload(
            self._objects, call, _pods(call), lambda made: [_job(call.spec, made, attempt)]
        )
        return replace(planned, outputs=by_kind(call.spec.name, planned.applied))

    @override
    async def stop(self, call: Call[OneJobSpec]) -> None:
        """The Job of this attempt is deleted with its pods, if it has not ended."""
        live = await self._mine(call)
        if (
            live is not None
            and annotation(live, ATTEMPT) == call.idempotency_key
            and _under_way(live)
        ):
            await self._delete(call, live)

    async def _apply(self, call: Call[OneJobSpec]) -> Result:
        how = Applying(wait=call.spec.wait)
        result = await apply_workload(
            self._objects,
            self._cel,
            call,
            _pods(call),
            lambda template: [_job(call.spec, template, call.idempotency_key)],
            how,
        )
        return with_outputs(result, partial(by_kind, call.spec.name))

    async def _unless_hopeless(self, call: Call[OneJobSpec], result: Result) -> Result:
        """Fail instead of waiting for pods that will never start: no timeout might end that."""
        if not isinstance(result, Working) or call.now - call.attempt_at < PATIENCE:
            return result
        for live in (one for one in result.applied if one.get("kind") == "Job"):
            status = mapping(live.get("status"))
            if not count(status, "active") or count(status, "ready"):
                continue
            why = await why_hopeless(self._objects, live, call.run.account)
            if why:
                await self._delete(call, live)
                return Failed(f"{ObjectId.of(live).title} cannot run: {why}")
        return result

    async def _remove_failed(self, call: Call[OneJobSpec]) -> None:
        """A Job that failed stays failed: another attempt needs another one."""
        live = await self._mine(call)
        if live is None or annotation(live, ATTEMPT) == call.idempotency_key:
            return
        if isinstance(health(live), Unhealthy):
            await self._delete(call, live)

    async def _removed(self, call: Call[OneJobSpec]) -> bool:
        """Remove the Job that is in the way, unless it is at work or not of this source."""
        live = await self._mine(call)
        if live is None:
            return False
        if _under_way(live):
            raise NotNow(
                f"{ObjectId.of(live).title} of an earlier run is still at work; it is made anew "
                "when it has ended"
            )
        await self._delete(call, live)
        return True

    async def _mine(self, call: Call[OneJobSpec]) -> JsonObject | None:
        target = ObjectId.of(_job(call.spec, {}), call.context.namespace)
        live = await self._objects.get(target, call.run.account)
        labels = (live or {}).get("metadata", {}).get("labels") or {}
        return live if labels.get(OWNER_LABEL) == owner_mark(call.run.source) else None

    async def _delete(self, call: Call[OneJobSpec], live: JsonObject) -> None:
        uid = str(live["metadata"].get("uid"))
        await self._objects.delete(ObjectId.of(live), call.run.account, uid=uid)


class ManualJob(NodeKind[ManualJobSpec]):
    """Applies a CronJob that never starts by itself: for JobRun, or `kubectl create job --from`."""

    name: ClassVar[str] = "ManualJob"
    recalls: ClassVar[bool] = True
    spec = ManualJobSpec

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    @override
    async def act(self, call: Call[ManualJobSpec]) -> Result:
        result = await apply_workload(
            self._objects,
            self._cel,
            call,
            _pods(call),
            lambda template: [_cron_job(call.spec, template)],
            Applying(),
        )
        return with_outputs(result, partial(by_kind, call.spec.name))

    @override
    async def plan(self, call: Call[ManualJobSpec]) -> Planned:
        planned = await plan_workload(
            self._objects, call, _pods(call), lambda template: [_cron_job(call.spec, template)]
        )
        return replace(planned, outputs=by_kind(call.spec.name, planned.applied))

    @override
    async def stop(self, call: Call[ManualJobSpec]) -> None:
        """The CronJob stays: a run never deletes what it made."""


class CronJob(ManualJob):
    """The same with a schedule."""

    name: ClassVar[str] = "CronJob"
    spec = CronJobSpec


def _pods(call: Call[Any]) -> Pods:
    spec: JobSpec = call.spec
    return pods_of(call, spec, spec.image_named, COMPONENT, {"spec": {"restartPolicy": "Never"}})


def _job(spec: OneJobSpec, template: JsonObject, attempt: object = None) -> JsonObject:
    made = head(spec, spec.name, COMPONENT)
    metadata = {**made, "annotations": {**made.get("annotations", {}), ATTEMPT: attempt}}
    more = {"parallelism": spec.parallelism, "completions": spec.completions}
    body = _job_body(spec, template) | _given(more)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": body}


def _cron_job(spec: ManualJobSpec, template: JsonObject) -> JsonObject:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": head(spec, spec.name, COMPONENT),
        "spec": {**spec.when, "jobTemplate": {"spec": _job_body(spec, template)}},
    }


def _job_body(spec: JobSpec, template: JsonObject) -> JsonObject:
    limits = {
        "backoffLimit": spec.backoff_limit,
        "activeDeadlineSeconds": spec.active_deadline_seconds,
        "ttlSecondsAfterFinished": spec.ttl_seconds_after_finished,
    }
    return {"template": template, **_given(limits)}


def _given(fields: JsonObject) -> JsonObject:
    return {key: value for key, value in fields.items() if value is not None}


def _under_way(live: JsonObject) -> bool:
    return isinstance(health(live), InProgress)
