"""The port `RunStore` on the real API server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from typing_extensions import override

from ebbflow.adapters.kube.answer import ObjectExists, ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.events import EventRecorder
from ebbflow.adapters.kube.guarded import (
    DOCUMENT_MANAGER,
    QUEUE_MANAGER,
    GuardedPatch,
    Operations,
    add,
    delete_observed,
    escaped,
    remove,
)
from ebbflow.adapters.kube.listing import each_object
from ebbflow.adapters.kube.naming import list_path, path_of
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.parsing import parse
from ebbflow.adapters.kube.run_status import shown_status
from ebbflow.adapters.kube.snapshots import Snapshots, owner_reference
from ebbflow.adapters.kube.status import STATUS_MANAGER
from ebbflow.api.base import API_VERSION, JsonObject, Key, Resource
from ebbflow.api.reasons import Reason
from ebbflow.api.run import CREATED_BY, RUN_FINALIZER, TRIGGER, TRIGGER_KEY, Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.edit_record import RecordKey
from ebbflow.domain.outcome import Notice
from ebbflow.domain.ports import Clock, InvalidObject
from ebbflow.domain.run_store import (
    SOURCE_FINALIZER,
    NewRun,
    RunStore,
    Snapshot,
    source_labels,
)
from ebbflow.domain.runs.creation import NewPlace, by_operator
from ebbflow.domain.runs.queue import QueueState, queue_fields, read_queue

_REASONS: Final = {reason.value: reason for reason in Reason}

log = logging.getLogger(__name__)


class KubeRunStore(RunStore):
    """Runs, read uncached and written by compare-and-swap.

    What it writes is noted as our own: its event wakes no pass, so whoever writes wakes who must
    know. Two are not noted, because the Run's own pass acts on them, whoever asks: cancelling, and
    deleting. `record_key` signs that we made a Run. `redact` takes known secrets out of texts, as a
    last gate before users see them.
    """

    def __init__(
        self,
        client: KubeClient,
        events: EventRecorder,
        own_writes: OwnWrites,
        clock: Clock,
        redact: Callable[[str], str],
        record_key: RecordKey,
    ) -> None:
        self._client = client
        self._record_key = record_key
        self._events = events
        self._own_writes = own_writes
        self._clock = clock
        self._redact = redact
        self._patch = GuardedPatch(client, own_writes)
        self._snapshots = Snapshots(client)

    @override
    async def get(self, namespace: str, name: str) -> Run | None:
        try:
            raw = await self._client.request("GET", path_of(Run.declaration, namespace, name))
        except ObjectMissing:
            return None
        return parse(Run, raw)

    @override
    async def runs_of(self, source: Key) -> tuple[Run, ...]:
        path = list_path(Run.declaration, source.namespace)
        selector = f"spec.source.kind={source.kind},spec.source.name={source.name}"
        found = []
        async for raw in each_object(self._client, path, {"fieldSelector": selector}):
            try:
                found.append(parse(Run, raw))
            except InvalidObject as error:
                log.warning("Run/%s/%s: %s", source.namespace, raw["metadata"]["name"], error)
        return tuple(found)

    @override
    async def create(self, new: NewRun) -> Run | None:
        parent = new.parent
        body = {
            "apiVersion": API_VERSION,
            "kind": Run.declaration.kind,
            "metadata": {
                "name": new.name,
                "labels": source_labels(parent),
                "annotations": made_by_us(new, self._record_key()),
                "finalizers": [RUN_FINALIZER] if new.held else [],
                "ownerReferences": [owner_reference(parent, controller=True)],
            },
            "spec": new.wish(),
        }
        path = list_path(Run.declaration, parent.metadata.namespace)
        query = {"fieldManager": DOCUMENT_MANAGER}
        key = Key(Run.declaration.kind, parent.metadata.namespace, new.name)
        with self._own_writes.writing(str(key)):
            try:
                raw = await self._client.request("POST", path, body=body, query=query)
            except ObjectExists:
                return None
            self._own_writes.note(raw["metadata"]["uid"], raw["metadata"]["resourceVersion"])
        return parse(Run, raw)

    @override
    async def tie(self, run: Run, parent: Template) -> Run:
        operations = _ties(run, parent)
        if not operations:
            return run
        return await self._patch(run, operations, manager=DOCUMENT_MANAGER)

    @override
    async def release(self, run: Run) -> Run:
        if RUN_FINALIZER not in run.metadata.finalizers:
            return run
        index = run.metadata.finalizers.index(RUN_FINALIZER)
        operations = [remove(f"/metadata/finalizers/{index}")]
        return await self._patch(run, operations, manager=DOCUMENT_MANAGER)

    @override
    async def cancel(self, run: Run) -> Run:
        if run.spec.cancel:
            return run
        operations = [add("/spec/cancel", True)]
        return await self._patch(run, operations, manager=DOCUMENT_MANAGER, own=False)

    @override
    async def delete(self, run: Run) -> None:
        await delete_observed(self._client, run)

    @override
    async def write_status(self, run: Run, status: RunStatus) -> Run:
        old = run.status.dump()
        shown = shown_status(old, status.dump(), self._redact)
        if shown == old:
            return run
        # Whole: measured with 500 nodes, the changes alone cost the API server as much.
        operations = [add("/status", shown)]
        return await self._patch(run, operations, manager=STATUS_MANAGER, subresource="status")

    @override
    async def write_queue(
        self, parent: Template, state: QueueState, more: JsonObject | None = None
    ) -> Template:
        old = {**parent.status.dump(), **queue_fields(read_queue(parent.status))}
        new = {**queue_fields(state), **(more or {})}
        changed = [
            remove(f"/status/{key}") if value is None else add(f"/status/{key}", value)
            for key, value in new.items()
            if value != old.get(key)
        ]
        if not changed:
            return parent
        if "status" not in parent.model_fields_set:
            changed.insert(0, add("/status", {}))
        return await self._patch(parent, changed, manager=QUEUE_MANAGER, subresource="status")

    @override
    async def keep(self, snapshot: Snapshot, owner: Resource) -> None:
        await self._snapshots.keep(snapshot, owner)

    @override
    async def drop(self, namespace: str, name: str) -> None:
        await self._snapshots.drop(namespace, name)

    @override
    async def hold(self, parent: Template, held: bool) -> Template:
        finalizers = parent.metadata.finalizers
        if held == (SOURCE_FINALIZER in finalizers):
            return parent
        if held:
            operations = _append("finalizers", bool(finalizers), SOURCE_FINALIZER)
        else:
            operations = [remove(f"/metadata/finalizers/{finalizers.index(SOURCE_FINALIZER)}")]
        return await self._patch(parent, operations, manager=DOCUMENT_MANAGER)

    @override
    async def read(self, namespace: str, name: str) -> JsonObject | None:
        return await self._snapshots.read(namespace, name)

    @override
    async def announce(self, about: Resource, reason: str, message: str, *, warning: bool) -> None:
        notice = Notice(_REASONS[reason], self._redact(message), warning=warning)
        await self._events.emit(about, notice, self._clock.now())


def made_by_us(new: NewRun, key: bytes | None) -> dict[str, str]:
    """Return the annotations of a Run that we make; without a key its trigger counts for nothing."""
    notes = {**new.annotations, TRIGGER_KEY: new.trigger_key}
    trigger = notes.get(TRIGGER)
    if key is not None and trigger is not None:
        place = NewPlace(new.parent.metadata.namespace, new.name)
        notes[CREATED_BY] = by_operator(key, place, trigger)
    return notes


def _ties(run: Run, parent: Template) -> Operations:
    """Return what a Run lacks of what `create` gives it."""
    meta = run.metadata
    operations: Operations = []
    if parent.metadata.uid not in (owner.uid for owner in meta.owner_references):
        # Whoever owns it already may be its controller, and there can be only one.
        reference = owner_reference(parent, controller=not meta.owner_references)
        operations += _append("ownerReferences", bool(meta.owner_references), reference)
    if RUN_FINALIZER not in meta.finalizers:
        operations += _append("finalizers", bool(meta.finalizers), RUN_FINALIZER)
    labels = {k: v for k, v in source_labels(parent).items() if meta.labels.get(k) != v}
    if labels and not meta.labels:
        operations.append(add("/metadata/labels", labels))
    elif labels:
        operations += [add(f"/metadata/labels/{escaped(k)}", v) for k, v in labels.items()]
    return operations


def _append(field: str, there: bool, value: object) -> Operations:
    return [add(f"/metadata/{field}/-", value) if there else add(f"/metadata/{field}", [value])]
