"""The Run that takes down what the runs of a source made, before the source goes. Pure.

It is a Run as every other one, but that it runs the document's teardownSpec, and that the deletion
of its source is what starts it instead of what stops it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ebbflow.api.base import JsonObject
from ebbflow.api.run import Run, RunSource, RunSpec, RunTrigger
from ebbflow.api.template import Template
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.run_store import NewRun
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.queue import FINAL_PHASES
from ebbflow.domain.runs.triggered import trigger_note, trigger_of
from ebbflow.domain.times import read_time

FailurePolicy = Literal["ignore", "block"]


@dataclass(frozen=True, slots=True)
class Begin:
    """There is no Run for it yet: make one."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """It has not ended."""


@dataclass(frozen=True, slots=True)
class Passed:
    """It has done its work."""


@dataclass(frozen=True, slots=True)
class Again:
    """It failed, and somebody deleted its Run since: let go of that, and begin anew."""

    run: Run


@dataclass(frozen=True, slots=True)
class Broken:
    """It failed, and will not do better by itself."""

    run: Run
    why: str


Stage = Begin | UnderWay | Passed | Again | Broken


def failure_policy(document: JsonObject) -> FailurePolicy | None:
    """Return what a failed teardown means for the deletion; None where there is no teardownSpec.

    The document may be any JSON: what is wrong with it the Run tells.
    """
    teardown = document.get("teardownSpec")
    if not isinstance(teardown, dict):
        return None
    return "block" if teardown.get("failurePolicy") == "block" else "ignore"


def is_teardown(run: Run, key: bytes | None) -> bool:
    """Tell whether the operator made the Run to run a teardownSpec; `key` verifies the record.

    Without the key that cannot be told of a Run that has not begun.
    """
    trigger = run.status.trigger or trigger_of(run, key)
    return trigger.type == "Teardown"


def teardown_name(source: Template) -> str:
    """Return the name of a source's teardown Run; another source of its name has another one."""
    return _key(source).run_name(source.metadata.name)


def new_teardown(source: Template) -> NewRun:
    """Return the Run to be made."""
    name = source.metadata.name
    return NewRun(
        name=teardown_name(source),
        parent=source,
        spec=RunSpec(
            source=RunSource(kind="Template", name=name),
            reason=f"the Template {name} is being deleted",
        ),
        trigger_key=_key(source).digest,
        annotations=trigger_note(RunTrigger(type="Teardown")),
    )


def stage_of(source: Template, runs: Iterable[Run], key: bytes | None) -> Stage:
    """Tell how far the teardown of a source is; `runs` are all of its Runs."""
    name = teardown_name(source)
    run = next((run for run in runs if run.metadata.name == name), None)
    if run is None:
        return Begin()
    if not is_teardown(run, key):
        return Broken(
            run, "it has the name of the teardown's Run, and the operator did not make it"
        )
    if run.status.phase not in FINAL_PHASES:
        return UnderWay()
    if run.status.phase == "Succeeded":
        return Passed()
    if _deleted_since(run):
        return Again(run)
    return Broken(run, run.status.message or f"it is {run.status.phase}")


def inherited_refs(runs: Iterable[Run], key: bytes | None) -> dict[str, Json]:
    """Return what a teardown reads of the nodes before it, by ref.

    It is what the newest Run that succeeded has kept of its outputs (northflank.com/docs: a teardown
    inherits the refs of the last successful run).
    """
    done = [
        run
        for run in runs
        if run.status.phase == "Succeeded" and not run.spec.dry_run and not is_teardown(run, key)
    ]
    newest = max(done, key=lambda run: run.status.started_at or "", default=None)
    nodes = (newest.status.nodes or ()) if newest else ()
    return {node.ref: node.outputs for node in nodes if node.ref and node.outputs is not None}


def _deleted_since(run: Run) -> bool:
    """Tell whether the Run was deleted after its end: its finalizer has kept it."""
    deleted, ended = run.metadata.deletion_timestamp, run.status.finished_at
    if deleted is None or ended is None:
        return False
    return read_time(deleted) >= read_time(ended).replace(microsecond=0)


def _key(source: Template) -> TriggerKey:
    return TriggerKey(source.metadata.uid, "Teardown")
