"""The ports Cluster and StatusWriter in memory, held to the same contract as the real ones.

Objects are kept as the API server would give them back: with a uid, a resourceVersion that every
change raises, a generation that only the spec raises, and values normalised as JSON.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from ebbflow.adapters.kube.parsing import parse
from ebbflow.adapters.kube.status import is_other
from ebbflow.api.base import API_VERSION, JsonObject, Key, Resource
from ebbflow.api.template import PendingWrite, Template
from ebbflow.domain.conditions import format_time, owned_status, ready_transition, wished_status
from ebbflow.domain.outcome import Notice, Report
from ebbflow.domain.ports import (
    Clock,
    Cluster,
    ClusterError,
    InvalidObject,
    SecretObject,
    StaleWrite,
    StatusWriter,
)
from ebbflow.domain.secret import Tainted
from ebbflow.domain.sync import pending_of

R = TypeVar("R", bound=Resource)

_TIES = ("finalizers", "ownerReferences")
_QUEUE_FIELDS = ("active", "queue", "recent", "fence", "hold", "lastRun", "inventory", "webhooks")

INT64 = 2**63
GO_EXPONENT_FROM = 1e21


def copied(value: Any) -> Any:
    """Return a JSON value that shares nothing with this one: copy.deepcopy takes five times as long."""
    match value:
        case dict():
            return {key: copied(inner) for key, inner in value.items()}
        case list():
            return [copied(inner) for inner in value]
        case _:
            return value


def normalised(value: Any) -> Any:
    """Return a JSON value as the API server gives it back: keys sorted, 1.0 as 1, and integers
    beyond 64 bits with the digits of a double.
    """
    match value:
        case dict():
            return {key: normalised(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [normalised(item) for item in value]
        case bool():
            return value
        case int() if not -INT64 <= value < INT64:
            return normalised(float(value))
        case float() if value.is_integer() and abs(value) < GO_EXPONENT_FROM:
            # Go writes the shortest digits that give the same double, padded with zeros.
            return int(Decimal(repr(value)))
        case _:
            return value


@dataclass(frozen=True)
class MemorySecret:
    annotations: Mapping[str, str]
    data: Mapping[str, Tainted]


class Killed(BaseException):
    """The operator's process ends here: nothing in it may catch this."""


class ManualClock(Clock):
    """A clock that only moves when it is told to."""

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self._start = start
        self._seconds = 0.0

    def advance(self, seconds: float) -> None:
        self._seconds += seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._start.timestamp() + self._seconds, UTC)

    def monotonic(self) -> float:
        return self._seconds


class MemoryCluster(Cluster):
    """A cluster without a server.

    `calls` lists what was asked for, such as `get Template/default/shop`. `rivals` are called one
    by one before writes, as somebody who is faster; `failures` are raised one by one instead of an
    answer. `default` is the only namespace.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.calls: list[str] = []
        self.rivals: list[Callable[[], object]] = []
        self.failures: list[Exception] = []
        self._end: tuple[str, BaseException] | None = None
        self._last_call: int | None = None
        self._objects: dict[Key, JsonObject] = {}
        self._secrets: dict[tuple[str, str], MemorySecret] = {}
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)

    # What users do

    def put(self, raw: JsonObject) -> JsonObject:
        """Create the object, or replace its spec, labels and annotations; returns what is stored."""
        meta = raw["metadata"]
        key = Key(raw["kind"], meta.get("namespace", "default"), meta["name"])
        old = self._objects.get(key)
        new = {
            "apiVersion": API_VERSION,
            "kind": key.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "uid": f"uid-{next(self._uids)}",
                "generation": 0,
                "creationTimestamp": format_time(self.clock.now()),
                **{field: meta[field] for field in _TIES if meta.get(field)},
                **(old or {}).get("metadata", {}),
                "labels": dict(meta.get("labels") or {}),
                "annotations": dict(meta.get("annotations") or {}),
            },
            **{field: raw[field] for field in ("spec", "data", "revision") if field in raw},
            **({"status": old["status"]} if old and "status" in old else {}),
        }
        return self._store(key, new)

    def edit(self, key: Key, change: Callable[[JsonObject], object]) -> JsonObject:
        """Change the stored object by a function that alters it in place."""
        new = copied(self._objects[key])
        change(new)
        return self._store(key, new)

    def delete(self, key: Key) -> None:
        """Delete the object; one with finalizers is only marked until the last of them is gone."""
        if not self._objects[key]["metadata"].get("finalizers"):
            del self._objects[key]
            return
        gone_at = format_time(self.clock.now())
        self.edit(key, lambda raw: raw["metadata"].setdefault("deletionTimestamp", gone_at))

    def collect_garbage(self) -> None:
        """Delete what is owned, once all that own it are gone, as the garbage collector does."""
        while orphans := self._orphans():
            for key in orphans:
                self.delete(key)

    def _orphans(self) -> list[Key]:
        uids = {raw["metadata"]["uid"] for raw in self._objects.values()}
        return [
            key
            for key, raw in self._objects.items()
            if "deletionTimestamp" not in raw["metadata"]
            and (owners := raw["metadata"].get("ownerReferences"))
            and uids.isdisjoint(owner["uid"] for owner in owners)
        ]

    def raw(self, key: Key) -> JsonObject | None:
        return copied(self._objects.get(key))

    def template(self, name: str = "shop", namespace: str = "default") -> Template:
        """Read a Template without it being counted."""
        return parse(Template, self._objects[Key("Template", namespace, name)])

    def keys(self, kind: str = "") -> tuple[Key, ...]:
        """The keys of all objects, or of those of a kind."""
        return tuple(key for key in self._objects if kind in ("", key.kind))

    def add_secret(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, str],
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        values = {key: Tainted(value) for key, value in data.items()}
        self._secrets[namespace, name] = MemorySecret(dict(annotations or {}), values)

    def has_secret(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self._secrets

    def remove_secret(self, namespace: str, name: str) -> None:
        del self._secrets[namespace, name]

    def die_at(self, call: str) -> None:
        """Raise Killed at the next call that begins like this, before it has an effect."""
        self._end = (call, Killed())

    def fail_at(self, call: str, error: ClusterError) -> None:
        """Raise an error at the next call that begins like this, before it has an effect."""
        self._end = (call, error)

    def die_after(self, calls: int) -> None:
        """Raise Killed at the call that comes after so many others, before it has an effect."""
        self._last_call = len(self.calls) + calls

    def live_on(self) -> None:
        """Let a death that has not come yet not come."""
        self._end = self._last_call = None

    # The port

    async def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        key = Key(kind.declaration.kind, namespace, name)
        self.called(f"get {key}")
        raw = self._objects.get(key)
        return None if raw is None else parse(kind, copied(raw))

    async def get_secret(self, namespace: str, name: str) -> SecretObject | None:
        self.called(f"get Secret/{namespace}/{name}")
        return self._secrets.get((namespace, name))

    async def get_namespace_labels(self, name: str) -> Mapping[str, str] | None:
        self.called(f"get Namespace/{name}")
        return {"kubernetes.io/metadata.name": name} if name == "default" else None

    async def replace_document(
        self,
        template: Template,
        document: JsonObject,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Template:
        raw = self._to_write("replace document of", template)
        raw.setdefault("spec", {})["document"] = document
        stored = raw["metadata"].setdefault("annotations", {})
        for name, text in (annotations or {}).items():
            stored.pop(name, None)
            if text is not None:
                stored[name] = text
        return parse(Template, self._store(template.key, raw))

    async def remove_annotations(self, template: Template, names: Collection[str]) -> Template:
        raw = self._to_write("remove annotations of", template)
        for name in names:
            del raw["metadata"]["annotations"][name]
        return parse(Template, self._store(template.key, raw))

    async def set_pending_write(self, template: Template, pending: PendingWrite | None) -> Template:
        if pending is None and pending_of(template) is None:
            return template
        raw = self._to_write("set pending write of", template)
        stored = raw.setdefault("status", {}).setdefault("sync", {})
        if pending is None:
            stored.pop("pendingWrite", None)
        else:
            stored["pendingWrite"] = pending.dump()
        return parse(Template, self._store(template.key, raw))

    def write_status(
        self, observed: Resource, status: JsonObject, queue: JsonObject
    ) -> JsonObject | None:
        """Write the status writer's part of a status; None if the object is gone. `queue` goes with
        it if the object is still as it was observed.
        """
        self.called(f"apply status of {observed.key}")
        raw = self.raw(observed.key)
        if raw is None:
            return None
        if raw["metadata"]["uid"] != observed.metadata.uid:
            raise StaleWrite(f"{observed.key} was made anew", code=409)
        if is_other(observed, raw):
            raise StaleWrite(f"{observed.key} was changed", code=409)
        kept = raw.get("status") or {}
        new = copied(status)
        new.update({field: kept[field] for field in _QUEUE_FIELDS if field in kept})
        pending = (kept.get("sync") or {}).get("pendingWrite")
        if pending is not None:
            new.setdefault("sync", {})["pendingWrite"] = pending
        if raw["metadata"]["resourceVersion"] == observed.metadata.resource_version:
            new.update(copied(queue))
        raw["status"] = new
        return self._store(observed.key, raw)

    def write(self, what: str, observed: R, change: Callable[[JsonObject], object]) -> R:
        """Change the object by a function, only if it is still as `observed`; StaleWrite else.

        `what` is how the call is listed, before the object's key.
        """
        raw = self._to_write(what, observed)
        change(raw)
        return parse(type(observed), self._store(observed.key, raw))

    def _to_write(self, what: str, observed: Resource) -> JsonObject:
        self.called(f"{what} {observed.key}")
        self.be_overtaken()
        raw = self.raw(observed.key)
        meta = (raw or {}).get("metadata", {})
        if raw is None or meta["resourceVersion"] != observed.metadata.resource_version:
            raise StaleWrite(f"{observed.key} changed since it was read", code=409)
        return raw

    def be_overtaken(self) -> None:
        """Let the next rival act first."""
        if self.rivals:
            self.rivals.pop(0)()

    def called(self, what: str) -> None:
        """Take note of a call of the operator's: the end of it, or a failure, may come here."""
        self.calls.append(what)
        if self._end is not None and what.startswith(self._end[0]):
            error, self._end = self._end[1], None
            raise error
        if self._last_call is not None and len(self.calls) > self._last_call:
            self._last_call = None
            raise Killed
        if self.failures:
            raise self.failures.pop(0)

    def _store(self, key: Key, new: JsonObject) -> JsonObject:
        new = json.loads(json.dumps(normalised(new), allow_nan=False))
        old = self._objects.get(key)
        if old == new:
            return copied(old)
        meta = new["metadata"]
        if old is None or _wish(old) != _wish(new):
            meta["generation"] += 1
        meta["resourceVersion"] = str(next(self._versions))
        self._objects[key] = new
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            del self._objects[key]
        return copied(new)


class MemoryStatusWriter(StatusWriter):
    """The status writer on a MemoryCluster; `events` lists what was announced, oldest first."""

    def __init__(self, cluster: MemoryCluster, clock: Clock | None = None) -> None:
        self.events: list[tuple[Key, Notice]] = []
        self._cluster = cluster
        self.clock = clock or ManualClock()

    async def write(self, report: Report) -> Resource | None:
        observed = report.observed
        key = observed.key
        wished = wished_status(report, self.clock.now())
        stored: Resource | None = observed
        try:
            shown = observed.status.dump()
            if wished != owned_status(shown) or not report.queue.items() <= shown.items():
                before = self._cluster.raw(key)
                raw = self._cluster.write_status(observed, wished, report.queue)
                if raw is None or before is None:
                    return None
                same = before["metadata"]["resourceVersion"] == observed.metadata.resource_version
                stored = _read(type(observed), raw) if same else None
        finally:
            self.events += [(key, notice) for notice in report.notices]
        transition = ready_transition(report)
        if transition is not None:
            self.events.append((key, transition))
        return stored


def _read(kind: type[Resource], raw: JsonObject) -> Resource | None:
    try:
        return parse(kind, raw)
    except InvalidObject:
        return None


def _wish(raw: JsonObject) -> tuple[object, object]:
    """What raises the generation when it changes."""
    return raw.get("spec"), raw["metadata"].get("deletionTimestamp")
