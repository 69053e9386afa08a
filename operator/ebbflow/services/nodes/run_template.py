"""RunTemplate: runs another Template, and waits for its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field
from typing_extensions import override

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.run import (
    ArgumentFrom,
    PlannedChange,
    Run,
    RunSource,
    RunSpec,
    RunTrigger,
)
from ebbflow.api.run_policy import RUN
from ebbflow.api.template import Template
from ebbflow.domain.objects import tainted_texts
from ebbflow.domain.ports import Cluster, InvalidObject, StaleWrite, Wake
from ebbflow.domain.run_store import NewRun, RunStore
from ebbflow.domain.runs.chain import child_annotations, why_not
from ebbflow.domain.runs.gate import Ours, Taken
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.queue import FINAL_PHASES, queue_key
from ebbflow.domain.runs.triggered import claim, trigger_note
from ebbflow.domain.verbs import Verbs
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    NodeKind,
    Planned,
    Result,
    Running,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.spec import NodeSpec, no_references

RECHECK: Final = timedelta(seconds=5)
"""The end of the other Run wakes this one; should that get lost, this is how soon it is seen."""

CANCEL_TRIES: Final = 5


class RunTemplateSource(NodeSpec):
    """Whose document runs."""

    kind: Literal["Template"] = Field(default="Template", description="Its kind.")
    name: str = Field(min_length=1, max_length=52, description="Its name, of the same namespace.")


class RunTemplateSpec(NodeSpec):
    """What runs, and with which arguments."""

    source: RunTemplateSource = Field(description="Whose document runs.")
    arguments: Annotated[JsonObject, AfterValidator(no_references)] = Field(
        default={}, description="Values of arguments; never secrets: they are readable in the Run."
    )
    arguments_from: tuple[ArgumentFrom, ...] = Field(
        default=(),
        max_length=64,
        description="Values of arguments from Secrets and ConfigMaps, read by the other Run.",
    )


class RunTemplate(NodeKind[RunTemplateSpec]):
    """Makes one Run for each attempt, under a name that follows from it."""

    name: ClassVar[str] = "RunTemplate"
    recalls: ClassVar[bool] = True
    spec = RunTemplateSpec

    def __init__(self, cluster: Cluster, store: RunStore, verbs: Verbs, wake: Wake) -> None:
        self._cluster = cluster
        self._store = store
        self._verbs = verbs
        self._wake = wake

    @override
    async def act(self, call: Call[RunTemplateSpec]) -> Result:
        parent = await self._parent(call)
        trigger = _trigger(call, parent)
        name = trigger.run_name(parent.metadata.name)
        if call.fresh and not call.recalled:
            await self._verbs.require(RUN, parent.key, call.run.account)
            await self._store.create(_new_run(call, parent, trigger))
            # Nobody hears of what the operator writes itself.
            self._wake(queue_key(parent.key))
        found = await self._read(call, name)
        if found is None:
            return Failed(f"the Run {name} was deleted before its end was seen")
        match claim(found, parent, trigger):
            case Taken(why):
                return Failed(
                    f"there is a Run {name} already that this node did not make: {why}; delete it"
                )
            case Ours():
                return _result(found)

    @override
    async def plan(self, call: Call[RunTemplateSpec]) -> Planned:
        """The other document is not planned with: it may be another one when its turn comes."""
        parent = await self._parent(call)
        await self._verbs.require(RUN, parent.key, call.run.account)
        name = _trigger(call, parent).run_name(parent.metadata.name)
        title = f"ebbflow.dev/v1alpha1 Run {parent.metadata.namespace}/{name}"
        return Planned((PlannedChange(node=call.path, object=title, action="create"),), {})

    @override
    async def stop(self, call: Call[RunTemplateSpec]) -> None:
        parent = await self._parent(call)
        name = _trigger(call, parent).run_name(parent.metadata.name)
        for _ in range(CANCEL_TRIES):
            found = await self._read(call, name)
            if found is None or found.status.phase in FINAL_PHASES:
                return
            try:
                await self._store.cancel(found)
            except StaleWrite:
                continue
            return

    async def _parent(self, call: Call[RunTemplateSpec]) -> Template:
        source = call.run.source
        target = Key("Template", source.namespace, call.spec.source.name)
        refused = why_not((*call.run.chain, source), target)
        if refused is not None:
            raise CannotDo(f"cannot run Template {target.name}: {refused}")
        if tainted_texts(call.spec.arguments):
            raise CannotDo(
                "spec.arguments: a secret would be readable in the Run; name its key in argumentsFrom"
            )
        try:
            parent = await self._cluster.get(Template, target.namespace, target.name)
        except InvalidObject as error:
            raise CannotDo(f"the Template {target.name} cannot be used: {error}") from error
        if parent is None or parent.metadata.deletion_timestamp:
            where = f"{target.name} in {target.namespace}"
            raise CannotDo(f"there is no Template {where}; create it, or correct spec.source.name")
        return parent

    async def _read(self, call: Call[RunTemplateSpec], name: str) -> Run | None:
        try:
            return await self._store.get(call.run.source.namespace, name)
        except InvalidObject as error:
            raise CannotDo(f"the Run {name} cannot be read: {error}") from error


def _trigger(call: Call[RunTemplateSpec], parent: Template) -> TriggerKey:
    return TriggerKey(
        parent_uid=parent.metadata.uid, trigger="RunTemplate", nonce=call.idempotency_key
    )


def _new_run(call: Call[RunTemplateSpec], parent: Template, trigger: TriggerKey) -> NewRun:
    run, spec = call.run, call.spec
    return NewRun(
        name=trigger.run_name(parent.metadata.name),
        parent=parent,
        spec=RunSpec(
            source=RunSource(kind="Template", name=parent.metadata.name),
            arguments=spec.arguments,
            arguments_from=spec.arguments_from,
            reason=f"node {call.path} of the Run {run.key.name}",
        ),
        trigger_key=trigger.digest,
        annotations={
            **trigger_note(_started_by(run)),
            **child_annotations(run.key, (*run.chain, run.source), call.wanted),
        },
    )


def _started_by(run: Running) -> RunTrigger:
    """Whoever is behind a run is behind those that it starts; who is unknown stays unknown."""
    if run.maker_unknown:
        return RunTrigger(type="Manual")
    return RunTrigger(type="RunTemplate", actor=run.actor)


def _result(found: Run) -> Result:
    name, status = found.metadata.name, found.status
    said = f": {status.message}" if status.message else ""
    match status.phase:
        case "Succeeded":
            return Succeeded(_outputs(found), f"the Run {name} succeeded")
        case "Failed" | "Cancelled" | "Skipped":
            return Failed(f"the Run {name} ended as {status.phase}{said}")
        case "Waiting":
            return Working(f"the Run {name} waits{said}", after=RECHECK, waiting=True)
        case None | "Pending" | "Queued" | "Running":
            phase = status.phase or "Pending"
            return Working(f"the Run {name} is {phase}{said}", after=RECHECK)


def _outputs(found: Run) -> dict[str, Any]:
    """Return what the nodes of the other Run hand on, by their refs."""
    nodes = found.status.nodes or ()
    return {node.ref: node.outputs for node in nodes if node.ref and node.outputs is not None}
