"""The port RunStore on a MemoryCluster, held to the same contract as the real one."""

from __future__ import annotations

from ebbflow.adapters.kube.parsing import parse
from ebbflow.adapters.kube.run_store import made_by_us
from ebbflow.adapters.kube.snapshots import owner_reference, pack, unpack
from ebbflow.api.base import JsonObject, Key, Resource
from ebbflow.api.run import RUN_FINALIZER, Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.ports import ClusterError, InvalidObject, StaleWrite
from ebbflow.domain.run_store import (
    SOURCE_FINALIZER,
    NewRun,
    RunStore,
    Snapshot,
    source_labels,
)
from ebbflow.domain.runs.queue import QueueState, queue_fields, read_queue
from tests.support.memory_cluster import MemoryCluster

REVISION = "ControllerRevision"
RECORD_KEY = b"k" * 32


class MemoryRunStore(RunStore):
    """Runs in the MemoryCluster that the Templates are in, so that all services see one world.

    Calls are listed in `cluster.calls`, such as `write status of Run/default/shop-1`; the cluster's
    rivals, failures and deaths hold here too. `events` lists what was announced, oldest first.
    """

    def __init__(self, cluster: MemoryCluster) -> None:
        self.events: list[tuple[Key, str, str, bool]] = []
        self._cluster = cluster

    async def get(self, namespace: str, name: str) -> Run | None:
        return await self._cluster.get(Run, namespace, name)

    async def runs_of(self, source: Key) -> tuple[Run, ...]:
        self._cluster.called(f"list Runs of {source}")
        found = []
        for key in sorted(self._cluster.keys("Run")):
            raw = self._cluster.raw(key)
            wanted = {"kind": source.kind, "name": source.name}
            if raw and key.namespace == source.namespace and raw["spec"]["source"] == wanted:
                found += _fitting(raw)
        return tuple(found)

    async def create(self, new: NewRun) -> Run | None:
        parent = new.parent
        key = Key("Run", parent.metadata.namespace, new.name)
        self._cluster.called(f"create {key}")
        self._cluster.be_overtaken()
        if self._cluster.raw(key) is not None:
            return None
        metadata = {
            "name": new.name,
            "namespace": key.namespace,
            "labels": source_labels(parent),
            "annotations": made_by_us(new, RECORD_KEY),
            "finalizers": [RUN_FINALIZER] if new.held else [],
            "ownerReferences": [owner_reference(parent, controller=True)],
        }
        raw = {"kind": "Run", "metadata": metadata, "spec": new.wish()}
        return parse(Run, self._cluster.put(raw))

    async def tie(self, run: Run, parent: Template) -> Run:
        meta = run.metadata
        owned = parent.metadata.uid in (owner.uid for owner in meta.owner_references)
        labelled = source_labels(parent).items() <= meta.labels.items()
        if owned and labelled and RUN_FINALIZER in meta.finalizers:
            return run

        def change(raw: JsonObject) -> None:
            stored = raw["metadata"]
            owners = stored.setdefault("ownerReferences", [])
            if not owned:
                owners.append(owner_reference(parent, controller=not owners))
            if RUN_FINALIZER not in meta.finalizers:
                stored.setdefault("finalizers", []).append(RUN_FINALIZER)
            stored.setdefault("labels", {}).update(source_labels(parent))

        return self._cluster.write("tie", run, change)

    async def release(self, run: Run) -> Run:
        if RUN_FINALIZER not in run.metadata.finalizers:
            return run
        return self._cluster.write(
            "release", run, lambda raw: raw["metadata"]["finalizers"].remove(RUN_FINALIZER)
        )

    async def cancel(self, run: Run) -> Run:
        if run.spec.cancel:
            return run
        return self._cluster.write("cancel", run, lambda raw: raw["spec"].update(cancel=True))

    async def delete(self, run: Run) -> None:
        self._cluster.called(f"delete {run.key}")
        self._cluster.be_overtaken()
        raw = self._cluster.raw(run.key)
        if raw is not None and raw["metadata"]["uid"] == run.metadata.uid:
            self._cluster.delete(run.key)

    async def write_status(self, run: Run, status: RunStatus) -> Run:
        new = status.dump()
        if run.status.dump() == new:
            return run
        return self._cluster.write("write status of", run, lambda raw: raw.update(status=new))

    async def write_queue(
        self, parent: Template, state: QueueState, more: JsonObject | None = None
    ) -> Template:
        old = {**parent.status.dump(), **queue_fields(read_queue(parent.status))}
        new = {**queue_fields(state), **(more or {})}
        changed = {key: value for key, value in new.items() if value != old.get(key)}
        if not changed:
            return parent

        def change(raw: JsonObject) -> None:
            merged = {**raw.get("status", {}), **changed}
            raw["status"] = {key: value for key, value in merged.items() if value is not None}

        return self._cluster.write("write queue of", parent, change)

    async def keep(self, snapshot: Snapshot, owner: Resource) -> None:
        key = Key(REVISION, owner.metadata.namespace, snapshot.name)
        self._cluster.called(f"keep {key} for {owner.key}")
        self._cluster.be_overtaken()
        found = self._cluster.raw(key)
        reference = owner_reference(owner, controller=False)
        if found is None:
            self._cluster.put(_revision(key, snapshot.content, reference))
            return
        if found["metadata"].get("deletionTimestamp"):
            raise StaleWrite(f"{key} is being deleted", code=409)
        if found["data"] != pack(snapshot.content):
            raise ClusterError(f"{key} holds another document than its name says", code=409)
        owners = [*found["metadata"]["ownerReferences"], reference]
        if reference["uid"] not in (one["uid"] for one in owners[:-1]):
            self._cluster.edit(key, lambda raw: raw["metadata"].update(ownerReferences=owners))

    async def read(self, namespace: str, name: str) -> JsonObject | None:
        key = Key(REVISION, namespace, name)
        self._cluster.called(f"get {key}")
        raw = self._cluster.raw(key)
        return None if raw is None else unpack(raw["data"])

    async def drop(self, namespace: str, name: str) -> None:
        key = Key(REVISION, namespace, name)
        self._cluster.called(f"drop {key}")
        if self._cluster.raw(key) is not None:
            self._cluster.delete(key)

    async def hold(self, parent: Template, held: bool) -> Template:
        if held == (SOURCE_FINALIZER in parent.metadata.finalizers):
            return parent

        def change(raw: JsonObject) -> None:
            others = [one for one in parent.metadata.finalizers if one != SOURCE_FINALIZER]
            raw["metadata"]["finalizers"] = [*others, *([SOURCE_FINALIZER] if held else [])]

        return self._cluster.write("hold", parent, change)

    async def announce(self, about: Resource, reason: str, message: str, *, warning: bool) -> None:
        self.events.append((about.key, str(reason), message, warning))


def _fitting(raw: JsonObject) -> list[Run]:
    try:
        return [parse(Run, raw)]
    except InvalidObject:
        return []


def _revision(key: Key, content: JsonObject, owner: JsonObject) -> JsonObject:
    metadata = {"name": key.name, "namespace": key.namespace, "ownerReferences": [owner]}
    return {"kind": key.kind, "metadata": metadata, "data": pack(content), "revision": 1}
