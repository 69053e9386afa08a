"""Action: does something to what runs: a command, a restart, a scale, a pause, a restore."""

from __future__ import annotations

import shlex
from typing import ClassVar, Final, Literal, Self, cast

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from ebbflow.api.run import PlannedChange
from ebbflow.domain.objects import ObjectId
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE
from ebbflow.services.nodes.pods.executing import Execution, Executions
from ebbflow.services.nodes.pods.made_once import MadeOnce, OnceSpec
from ebbflow.services.nodes.pods.workload_changes import KINDS, Change, WorkloadChanges
from ebbflow.services.nodes.pods.workload_spec import ExitCodes
from ebbflow.services.nodes.spec import NodeSpec

COMMAND_BYTES: Final = 16 * 1024
"""What a command's arguments may have: they go into the request's line."""

MAX_REPLICAS: Final = 10_000
SHELL: Final = "/bin/sh"

ActionType = Literal["execute", "restart", "scale", "pause", "resume", "restore"]

_APPS: Final = frozenset(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"))
_BATCH: Final = frozenset(("Job", "CronJob"))
_WITH_PODS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")

NO_RESTORE: Final = (
    "a backup cannot be put back into a database that runs without knowing how; make a volume "
    "from it with a Volume node (source: {backup: <the backup's id>}), or say what restores it: "
    "type: restore with manifest, or with from: {kind: CronJob, name}"
)


class ActionTarget(NodeSpec):
    """What it is done to."""

    kind: Literal[
        "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"
    ] = Field(description="Its kind.")
    name: str = Field(min_length=1, max_length=253, description="Its name.")
    namespace: str | None = Field(default=None, max_length=63, description="Absent: the context's.")


class NorthflankOptions(NodeSpec):
    """How a command is run, in Northflank's words."""

    dispatch_only: bool = Field(default=False, description="Do not wait for the command's end.")


class NorthflankData(NodeSpec):
    """What it is done to, in Northflank's words."""

    project_id: str | None = Field(
        default=None, max_length=63, description="The namespace; absent: the context's."
    )
    service_id: str | None = Field(default=None, max_length=63, description="A Deployment.")
    job_id: str | None = Field(default=None, max_length=63, description="A Job.")
    addon_id: str | None = Field(default=None, max_length=63, description="A StatefulSet.")
    backup_id: str | None = Field(default=None, max_length=253, description="Refused.")
    command: str | None = Field(
        default=None, min_length=1, max_length=COMMAND_BYTES, description="What the shell runs."
    )
    shell: str | None = Field(
        default=None, max_length=256, description="The shell; absent: /bin/sh."
    )
    user: str | None = Field(default=None, description="Refused: it is the container's own.")
    group: str | None = Field(default=None, description="Refused: it is the container's own.")
    options: NorthflankOptions = Field(
        default=NorthflankOptions(), description="How the command is run."
    )
    timeout_duration: int | None = Field(
        default=None, description="Left aside: give the node itself a timeoutDuration."
    )

    @field_validator("user", "group")
    @classmethod
    def _is_the_containers(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("commands run as the container's own user and group; leave it out")
        return value


class NorthflankAction(NodeSpec):
    """What is done, in Northflank's words."""

    type: Literal["execute", "restart", "restore", "createRepoFromSource"] = Field(
        description="What is done."
    )
    data: NorthflankData = Field(default=NorthflankData(), description="To what.")
    condition: Literal["running", "success"] | None = Field(default=None, description=LEFT_ASIDE)


class ActionSpec(OnceSpec):
    """What is done, and to what."""

    type: ActionType | None = Field(default=None, description="What is done.")
    target: ActionTarget | None = Field(
        default=None, description="What it is done to; all but restore need it."
    )
    container: str | None = Field(
        default=None,
        max_length=63,
        description="execute: the container; absent: the pod's default one, else its first.",
    )
    command: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="execute: the program and its arguments; no shell reads them.",
    )
    expect: ExitCodes = Field(default=(0,), description="execute: exit codes that are right.")
    wait: bool = Field(default=True, description="execute: wait for the command's end.")
    replicas: int | None = Field(
        default=None,
        ge=0,
        le=MAX_REPLICAS,
        description="scale: how many; resume: if not as before.",
    )
    kind: Literal["Service", "Job", "Addon", "AddonBackup", "VCS"] | None = Field(
        default=None, description="Northflank's: what it is done to; needs spec."
    )
    spec: NorthflankAction | None = Field(default=None, description="Northflank's: what is done.")

    @field_validator("command")
    @classmethod
    def _is_short(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and sum(len(part.encode()) for part in value) > COMMAND_BYTES:
            raise ValueError(f"the command has more than {COMMAND_BYTES // 1024} KiB")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.type is None) == (self.spec is None) or (self.kind is None) != (self.spec is None):
            raise ValueError("give type, or Northflank's kind and spec")
        if self.spec is not None and self.kind is not None:
            _check_northflank(self.kind, self.spec)
        elif self.type == "restore":
            if (self.manifest is None) == (self.from_ is None):
                raise ValueError("restore: give exactly one of manifest and from")
        else:
            self._check_target()
        return self

    def _check_target(self) -> None:
        kinds = _WITH_PODS if self.type == "execute" else KINDS[cast("Change", self.type)]
        if self.target is None or self.target.kind not in kinds:
            raise ValueError(f"target: {self.type} needs one of the kind {', '.join(kinds)}")
        if (self.type == "execute") == (self.command is None):
            raise ValueError("command: execute needs it, and nothing else does")
        if self.type == "scale" and self.replicas is None:
            raise ValueError("replicas: say how many")


class Action(NodeKind[ActionSpec]):
    """Does it once an attempt. A command whose attempt another process had begun is not run again."""

    name: ClassVar[str] = "Action"
    recalls: ClassVar[bool] = False
    spec = ActionSpec

    def __init__(self, executions: Executions, changes: WorkloadChanges, once: MadeOnce) -> None:
        self._executions = executions
        self._changes = changes
        self._once = once

    @override
    async def act(self, call: Call[ActionSpec]) -> Result:
        match _meant(call):
            case Execution() as wanted:
                return await self._executions.act(call, wanted)
            case (change, target):
                return await self._changes.act(call, change, target, call.spec.replicas)
            case None:
                return await self._once.act(call, call.spec, call.spec.manifest)

    @override
    async def plan(self, call: Call[ActionSpec]) -> Planned:
        match _meant(call):
            case Execution() as wanted:
                title = f"Command in {wanted.target.title}"
                change = PlannedChange(node=call.path, object=title, action="update")
                outputs = {"exitCode": wanted.expect[0], "output": "", "pod": "", "container": ""}
                return Planned((change,), outputs)
            case (change, target):
                return await self._changes.plan(call, change, target, call.spec.replicas)
            case None:
                return await self._once.plan(call, call.spec, call.spec.manifest)

    @override
    async def stop(self, call: Call[ActionSpec]) -> str:
        match _meant(call):
            case Execution():
                return self._executions.stop(call)
            case None:
                return await self._once.stop(call, call.spec)
            case _:
                return ""  # a rollout goes on: half of one would be worse


def _meant(call: Call[ActionSpec]) -> Execution | tuple[Change, ObjectId] | None:
    """Return what is done to what, in whichever words; None: something is restored."""
    spec = call.spec
    if spec.spec is not None:
        return _northflank(call, spec.kind or "", spec.spec)
    if spec.type == "restore" or spec.target is None:
        return None
    given = spec.target
    target = _object(given.kind, given.name, given.namespace or call.context.namespace)
    if spec.type == "execute":
        return Execution(target, spec.container, spec.command or (), spec.expect, spec.wait)
    return cast("Change", spec.type), target


def _northflank(
    call: Call[ActionSpec], kind: str, given: NorthflankAction
) -> Execution | tuple[Change, ObjectId]:
    data = given.data
    named = {
        "Service": ("Deployment", data.service_id),
        "Job": ("Job", data.job_id),
        "Addon": ("StatefulSet", data.addon_id),
    }
    workload, name = named[kind]
    target = _object(workload, name or "", data.project_id or call.context.namespace)
    if given.type == "restart":
        return "restart", target
    shell = shlex.split(data.shell or SHELL)
    arguments = (*shell, *(() if "-c" in shell else ("-c",)), data.command or "")
    return Execution(target, None, arguments, wait=not data.options.dispatch_only)


def _check_northflank(kind: str, given: NorthflankAction) -> None:
    """Raise ValueError for what Northflank's words cannot mean here."""
    data = given.data
    if kind == "VCS":
        raise ValueError("spec: repositories are not made from here; make it at your provider")
    if kind == "AddonBackup":
        raise ValueError(NO_RESTORE)
    fields = {"Service": data.service_id, "Job": data.job_id, "Addon": data.addon_id}
    possible = {"Service": ("restart", "execute"), "Job": ("execute",), "Addon": ("restart",)}
    if given.type not in possible[kind]:
        raise ValueError(f"spec.type: {given.type} cannot be done to a {kind}")
    if not fields[kind]:
        raise ValueError(f"spec.data.{kind.lower()}Id: the field is missing")
    if (given.type == "execute") == (data.command is None):
        raise ValueError("spec.data.command: execute needs it, and restart has none")
    try:
        shlex.split(data.shell or "")
    except ValueError as error:
        raise ValueError(f"spec.data.shell: {error}") from None


def _object(kind: str, name: str, namespace: str) -> ObjectId:
    group = "apps" if kind in _APPS else "batch" if kind in _BATCH else ""
    return ObjectId(group, kind, namespace, name, "v1")
