"""The port of the objects that runs are made of: Runs, their documents, and their parents' queues.

All of it is the operator's own, never in a tenant's name (that is `domain.objects`). Every write is
a compare-and-swap on the resourceVersion of what it was decided on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from ebbflow.api.base import GROUP, JsonObject, Key, Resource
from ebbflow.api.run import Run, RunSpec, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.runs.queue import QueueState


@dataclass(frozen=True, slots=True)
class NewRun:
    """A Run to be made for a trigger: under a name that tells the trigger, tied to its parent.

    `held`: with its finalizer. Where Runs go side by side it is given one only if it has to wait.
    """

    name: str
    parent: Template
    spec: RunSpec
    trigger_key: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    held: bool = True

    def wish(self) -> JsonObject:
        """Return the spec in wire form, without fields that are empty: people read it."""
        return {field: value for field, value in self.spec.dump().items() if value not in ([], {})}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a Run runs, as it was when the Run was accepted: nothing that follows changes it.

    `content` is a JSON object: the document, and the settings of its source that hold for a run.
    The same content has the same name, so that Runs of one document share one copy.
    """

    name: str
    content: JsonObject


SOURCE_KIND: Final = f"{GROUP}/source-kind"
SOURCE: Final = f"{GROUP}/source"
"""Labels of a Run that name its source, for `kubectl get runs -l`."""

SOURCE_FINALIZER: Final = f"{GROUP}/made-objects"
"""Keeps a source with `deletionPolicy: Delete` until what its runs made is deleted."""


def source_labels(parent: Resource) -> dict[str, str]:
    """Return the labels of the Runs of an object; its name is short enough for one (52 of 63)."""
    return {SOURCE_KIND: parent.declaration.kind, SOURCE: parent.metadata.name}


class RunStore(Protocol):
    """Runs and what belongs to them. Every method raises ClusterError when the server refuses."""

    async def get(self, namespace: str, name: str) -> Run | None:
        """Read one Run; None if it does not exist. Raises InvalidObject if it does not fit."""
        ...

    async def runs_of(self, source: Key) -> tuple[Run, ...]:
        """Read all Runs whose `spec.source` names this object, whoever owns them, in one list.

        A Run that does not fit its model is left out.
        """
        ...

    async def create(self, new: NewRun) -> Run | None:
        """Make a Run with owner reference, trigger key and, if it is to be held, finalizer.

        None if the name is taken.
        """
        ...

    async def tie(self, run: Run, parent: Template) -> Run:
        """Give a Run that somebody made its owner reference and its finalizer.

        Returns it as stored. Raises StaleWrite if it changed since it was read.
        """
        ...

    async def release(self, run: Run) -> Run:
        """Take the finalizer off; no request if it is not there. Raises StaleWrite."""
        ...

    async def cancel(self, run: Run) -> Run:
        """Set `spec.cancel`; no request if it is set. Raises StaleWrite."""
        ...

    async def delete(self, run: Run) -> None:
        """Delete the Run if it is still this one; nothing if it is gone."""
        ...

    async def write_status(self, run: Run, status: RunStatus) -> Run:
        """Put the whole status in place of the old one, only if the Run is still as `run`.

        No request if it is so already. Returns the Run as stored. Raises StaleWrite.
        """
        ...

    async def write_queue(
        self, parent: Template, state: QueueState, more: JsonObject | None = None
    ) -> Template:
        """Put the queue's fields into the parent's status, only if it is still as `parent`.

        `more` are other fields of the status that go with them (lastRun, inventory), None
        takes one away; those that are not named stay. No request if all is so already. Returns the parent as stored. Raises StaleWrite.
        """
        ...

    async def keep(self, snapshot: Snapshot, owner: Resource) -> None:
        """Store a snapshot as a ControllerRevision that `owner` owns, beside others that do.

        Not a controller reference, and no labels that a workload's selector could match.
        """
        ...

    async def drop(self, namespace: str, name: str) -> None:
        """Delete a snapshot that nobody names any more; nothing if it is gone."""
        ...

    async def hold(self, parent: Template, held: bool) -> Template:
        """Put SOURCE_FINALIZER on the parent, or take it off; no request if it is so already.

        Returns the parent as stored. Raises StaleWrite.
        """
        ...

    async def read(self, namespace: str, name: str) -> JsonObject | None:
        """Read the content of a snapshot; None if it is gone."""
        ...

    async def announce(self, about: Resource, reason: str, message: str, *, warning: bool) -> None:
        """Emit an event about a Run or its parent; failing to do so is no failure."""
        ...


def owner_of(run: Run, kind: str) -> str | None:
    """Return the uid of the owner of this kind that the Run is tied to; None if to none."""
    return next((o.uid for o in run.metadata.owner_references if o.kind == kind), None)
