"""JobRun: runs a Job from a CronJob, a Job or a pod template, and hands on its exit code and log."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.api.run import PlannedChange
from ebbflow.domain.health_verdict import mapping
from ebbflow.domain.objects import KindMissing, NamespaceMissing, ObjectId, Objects
from ebbflow.domain.pods.jobs import MANAGER, annotation
from ebbflow.services.nodes.kind import (
    Call,
    Failed,
    NodeKind,
    Planned,
    Result,
    Succeeded,
)
from ebbflow.services.nodes.objects.job_origin import OriginMissing, origin_spec
from ebbflow.services.nodes.pods.attempt_job import AttemptJobs, Ended, manifest
from ebbflow.services.nodes.pods.container_changes import ContainerChanges, changed, whole_template
from ebbflow.services.nodes.pods.job_source import COMMIT, GitSource
from ebbflow.services.nodes.pods.workload_spec import ExitCodes, PodTemplate
from ebbflow.services.nodes.spec import NodeSpec

CONTAINER: Final = "main"
"""The name of the container where the document gives only an image."""


class JobSource(NodeSpec):
    """Whose Jobs are made."""

    kind: Literal["CronJob", "Job"] = Field(default="CronJob", description="Its kind.")
    name: str = Field(min_length=1, max_length=63, description="Its name.")


class JobRunSpec(ContainerChanges):
    """What runs: exactly one of `from`, `jobId` and `template`, or an image alone."""

    from_: JobSource | None = Field(
        default=None,
        alias="from",
        description="A CronJob or Job of the same namespace whose Job is run.",
    )
    job_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        description="Northflank's: a CronJob of this name, else a Job of this name.",
    )
    template: PodTemplate | None = Field(
        default=None,
        description="A pod template: metadata, and spec with containers. Only fields "
        "that documents may use.",
    )
    git: GitSource | None = Field(
        default=None, description="The files of a commit, put into every container."
    )
    expect: ExitCodes = Field(default=(0,), description="The exit codes that are right.")
    project_id: str | None = Field(
        default=None, max_length=63, description="The namespace; absent: the context's."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [self.from_, self.job_id, self.template]
        count = sum(one is not None for one in given)
        if count > 1 or (count == 0 and self.overrides.image is None):
            raise ValueError("give exactly one of from, jobId and template, or an image alone")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether all that the Job is made from stands here."""
        return self.from_ is None and self.job_id is None and self.git is None


class JobRun(NodeKind[JobRunSpec]):
    """One Job for each attempt, under a name that follows from it."""

    name: ClassVar[str] = "JobRun"
    recalls: ClassVar[bool] = True
    spec = JobRunSpec

    def __init__(self, objects: Objects, jobs: AttemptJobs) -> None:
        self._objects = objects
        self._jobs = jobs

    @override
    async def act(self, call: Call[JobRunSpec]) -> Result:
        spec, target = call.spec, self._target(call)
        begins = call.fresh and not call.recalled
        # A killed operator may have made the Job, and what it was made from may be gone by now.
        live = None if begins and spec.is_whole else await self._jobs.get(call, target)
        if live is None and begins:
            job = await self._job_spec(call, target.namespace)
            live = await self._jobs.make(call, target, job, spec.git)
        seen = await self._jobs.look(call, target, live, git=spec.git, container=spec.container)
        return _result(seen, spec.expect) if isinstance(seen, Ended) else seen

    @override
    async def plan(self, call: Call[JobRunSpec]) -> Planned:
        """The Job is made by a dry run, without its clone."""
        target = self._target(call)
        outputs = {"exitCode": call.spec.expect[0], "log": "", "job": target.name}
        change = PlannedChange(
            node=call.path, object=f"{target.api_version} {target.title}", action="create"
        )
        try:
            job = manifest(call, target, await self._job_spec(call, target.namespace))
            await self._objects.apply(job, call.run.account, manager=MANAGER, dry_run=True)
        except (KindMissing, NamespaceMissing, OriginMissing):
            # An earlier node may be about to make it: then this is all that can be told.
            pass
        return Planned((change,), outputs)

    @override
    async def stop(self, call: Call[JobRunSpec]) -> str:
        return await self._jobs.stop(call, self._target(call), call.spec.container)

    def _target(self, call: Call[JobRunSpec]) -> ObjectId:
        return self._jobs.target(call, call.spec.project_id)

    async def _job_spec(self, call: Call[JobRunSpec], namespace: str) -> JsonObject:
        """Return what the Job has as its spec. Pods that only the document describes are made as
        safe as all of ours; a CronJob's and a Job's are the tenant's own already.
        """
        spec, account = call.spec, call.run.account
        if spec.from_ is None and spec.job_id is None:
            given = spec.template or {"spec": {"containers": [{"name": CONTAINER}]}}
            template = whole_template(changed(given, spec), account, namespace)
            return {"template": template}
        kinds: tuple[str, ...]
        if spec.from_ is not None:
            name, field, kinds = spec.from_.name, "spec.from", (spec.from_.kind,)
        else:
            name, field, kinds = spec.job_id or "", "spec.jobId", ("CronJob", "Job")
        job = await origin_spec(self._objects, call, namespace, name, field=field, kinds=kinds)
        return {**job, "template": changed(mapping(job["template"]), spec)}


def _result(ended: Ended, expected: tuple[int, ...]) -> Succeeded | Failed:
    code = _code(ended)
    if code not in expected:
        if not ended.succeeded:
            return ended.failed()
        return Failed(f"the Job {ended.name} ended with exit code 0, not {_listed(expected)}")
    outputs = {"exitCode": code, "log": ended.log, "job": ended.name}
    commit = annotation(ended.job, COMMIT)
    if commit is not None:
        outputs["commit"] = commit
    said = f" with exit code {code}" if code else ""
    return Succeeded(outputs, f"the Job {ended.name} ended{said}")


def _code(ended: Ended) -> int | None:
    """Return the exit code of the container that counts; None if it has none that counts."""
    if ended.succeeded:
        return 0
    own = ended.exit is not None and ended.exit.container == ended.container
    return ended.exit.code if ended.exit is not None and own else None


def _listed(expected: tuple[int, ...]) -> str:
    return " or ".join(map(str, expected))
