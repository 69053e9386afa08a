"""The port Objects in memory: any object, written as any account that is not denied.

Held to the same contract as the real one (tests/support/objects_contract.py): what server-side
apply does to the fields of managers, what a dry run shows, and which refusals there are. Statuses
are set by tests, as controllers do.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import (
    MAX_OBJECT_BYTES,
    Account,
    AccountState,
    AlreadyExists,
    Changed,
    Denied,
    FieldConflict,
    Invalid,
    KindMissing,
    NamespaceMissing,
    NotAnObject,
    ObjectError,
    ObjectId,
    Objects,
    SystemNamespace,
    TooLarge,
    Usable,
    tainted_texts,
    tainted_where_known,
)
from ebbflow.domain.secret import Tainted, revealed

SERVER_MADE = ("uid", "resourceVersion", "generation", "creationTimestamp")
IDENTITY = ("apiVersion", "kind", "name", "namespace", "uid", "resourceVersion", "generation")
CLUSTER_WIDE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


class MemoryObjects(Objects):
    """A cluster of objects. `calls` lists what was asked, such as `apply ConfigMap shop/a as robot`.

    `refusals` are asked before each call with its words; an error that they return is raised.
    `denied` are the names of accounts without rights; in `missing_namespaces` is nothing, until
    they are made; `missing_kinds` are not served.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refusals: list[Callable[[str], ObjectError | None]] = []
        self.denied: set[str] = set()
        self.missing_namespaces: set[str] = set()
        self.missing_kinds: set[str] = set()
        self._objects: dict[ObjectId, JsonObject] = {}
        self._applied: dict[ObjectId, dict[str, JsonObject]] = {}
        self._versions = itertools.count(1)

    # What tests and controllers do

    def put(self, raw: JsonObject) -> None:
        """Put an object as somebody else made it."""
        target = _target(raw, "default").any_version
        new = copy.deepcopy(raw)
        if target.namespace:
            new["metadata"].setdefault("namespace", target.namespace)
        self._objects[target] = self._stamped(self._objects.get(target), new)

    def live(self, kind: str, name: str, namespace: str = "default", group: str = "") -> JsonObject:
        """Return a stored object."""
        namespace = "" if kind in CLUSTER_WIDE else namespace
        return self._objects[ObjectId(group, kind, namespace, name)]

    def all(self) -> list[JsonObject]:
        """Return all stored objects, secrets in the clear, in the order of their names."""
        return [copy.deepcopy(self._objects[target]) for target in sorted(self._objects)]

    def names(self) -> list[str]:
        return sorted(target.title for target in self._objects)

    def edit(self, kind: str, name: str, **metadata: Any) -> None:
        """Merge into an object's metadata as somebody else does."""
        stored = self.live(kind, name)["metadata"]
        stored.update(_merge(stored, metadata), resourceVersion=str(next(self._versions)))

    def set_status(self, target: ObjectId, status: JsonObject) -> None:
        """Write a status as a controller does."""
        self._objects[target.any_version]["status"] = status

    def remove(self, target: ObjectId) -> None:
        """Remove an object as a person does."""
        del self._objects[target.any_version]

    # The port

    @override
    async def get(self, target: ObjectId, account: Account) -> JsonObject | None:
        target = _placed(target, account)
        self._asked("get", target, account)
        found = self._objects.get(target.any_version)
        return None if found is None else _seen(found, frozenset())

    @override
    async def find(
        self, group: str, kind: str, namespace: str, labels: Mapping[str, str], account: Account
    ) -> tuple[JsonObject, ...]:
        wanted = _placed(ObjectId(group, kind, namespace, ""), account)
        self._asked("list", wanted, account)
        return tuple(
            _seen(raw, frozenset())
            for target, raw in self._objects.items()
            if replace(target, name="") == wanted
            and labels.items() <= (raw["metadata"].get("labels") or {}).items()
        )

    @override
    async def apply(
        self,
        manifest: JsonObject,
        account: Account,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
    ) -> JsonObject:
        target = _target(manifest, account.namespace)
        sent = _sent(manifest, target)
        self._asked("dry-run" if dry_run else "apply", target, account)
        self._check(target, sent)
        key = target.any_version
        old = self._objects.get(key)
        wished = sent["metadata"].get("resourceVersion")
        if wished and (old is None or old["metadata"]["resourceVersion"] != wished):
            raise Changed(f"{target.title} changed", code=409)
        managers = copy.deepcopy(self._applied.get(key, {}))
        conflicts = _conflicts(managers, manager, sent)
        if conflicts and not force:
            raise _conflict(target, conflicts)
        before = managers.get(manager, {})
        others = [fields for name, fields in managers.items() if name != manager]
        new = _merge(_without(copy.deepcopy(old or {}), before, sent, others), sent)
        stored = self._stamped(old, new)
        if not dry_run:
            self._applied[key] = _taken_over(managers, conflicts) | {manager: sent}
            self._store(key, stored)
        return _seen(stored, tainted_texts(manifest))

    @override
    async def create(self, manifest: JsonObject, account: Account, *, manager: str) -> JsonObject:
        target = _target(manifest, account.namespace)
        sent = _sent(manifest, target)
        self._asked("create", target, account)
        self._check(target, sent)
        if target.any_version in self._objects:
            raise AlreadyExists(f"{target.title} exists", code=409)
        self._store(target.any_version, self._stamped(None, sent))
        return _seen(self._objects[target.any_version], tainted_texts(manifest))

    @override
    async def delete(
        self, target: ObjectId, account: Account, *, uid: str, resource_version: str = ""
    ) -> bool:
        target = _placed(target, account)
        self._asked("delete", target, account)
        found = self._objects.get(target.any_version)
        if found is None:
            return False
        version = found["metadata"]["resourceVersion"]
        if found["metadata"]["uid"] != uid or resource_version not in ("", version):
            raise Changed(f"{target.title} is another one by now", code=409)
        del self._objects[target.any_version]
        self._applied.pop(target.any_version, None)
        return True

    @override
    async def check_account(self, account: Account) -> AccountState:
        return Usable()

    def _asked(self, verb: str, target: ObjectId, account: Account) -> None:
        words = f"{verb} {target.title} as {account.name}"
        self.calls.append(words)
        for refuse in self.refusals:
            if (error := refuse(words)) is not None:
                raise error
        if any(name.startswith("kube-") for name in (target.namespace, account.namespace)):
            raise SystemNamespace(f"cannot touch {target.title}", code=403)
        if target.kind in self.missing_kinds:
            raise KindMissing(f"cannot {verb} {target.title}: no such kind", code=404)
        if account.name in self.denied:
            raise Denied(f"cannot {verb} {target.title} as {account.name}: it may not", code=403)

    def _check(self, target: ObjectId, sent: JsonObject) -> None:
        size = len(json.dumps(sent))
        if size > MAX_OBJECT_BYTES:
            raise TooLarge(f"{target.title}: {size} bytes of JSON", code=413)
        if not NAME.fullmatch(target.name):
            raise Invalid(f"{target.title}: the name is not valid", code=422)
        if target.namespace in self.missing_namespaces:
            words = f"the namespace {target.namespace} does not exist"
            raise NamespaceMissing(f"{target.title}: {words}", code=404)

    def _store(self, key: ObjectId, stored: JsonObject) -> None:
        self._objects[key] = stored
        if key.kind == "Namespace":
            self.missing_namespaces.discard(key.name)

    def _stamped(self, old: JsonObject | None, new: JsonObject) -> JsonObject:
        if old is not None and _content(old) == _content(new):
            return old
        if new.get("kind") == "Namespace":
            new.setdefault("status", {"phase": "Active"})
        metadata = new["metadata"]
        same = (old or {}).get("metadata", {})
        metadata.update({name: same[name] for name in SERVER_MADE if name in same})
        metadata.setdefault("uid", f"uid-{next(self._versions)}")
        metadata["resourceVersion"] = str(next(self._versions))
        return new


def _target(manifest: JsonObject, namespace: str) -> ObjectId:
    try:
        target = ObjectId.of(manifest, namespace)
    except NotAnObject as error:
        raise Invalid(f"cannot apply an object: {error}", code=0) from None
    return _placed(target, Account(namespace, ""))


def _placed(target: ObjectId, account: Account) -> ObjectId:
    if target.kind in CLUSTER_WIDE:
        return replace(target, namespace="")
    return replace(target, namespace=target.namespace or account.namespace)


def _sent(manifest: JsonObject, target: ObjectId) -> JsonObject:
    """Return the manifest as the API server gets it."""
    raw: JsonObject = copy.deepcopy(revealed(manifest))
    raw["metadata"].pop("namespace", None)
    if target.namespace:
        raw["metadata"]["namespace"] = target.namespace
    return raw


def _seen(raw: JsonObject, known: frozenset[Tainted]) -> JsonObject:
    """Return an object as it is handed out: secrets as such."""
    shown = tainted_where_known(copy.deepcopy(raw), [s for s in known if len(s.reveal()) > 3])
    for field in IDENTITY:
        for holder, given in ((shown, raw), (shown["metadata"], raw["metadata"])):
            if field in given:
                holder[field] = given[field]
    if (raw.get("apiVersion"), raw.get("kind")) == ("v1", "Secret"):
        data = raw.get("data") or {}
        shown["data"] = {key: Tainted(value) for key, value in data.items()}
    return shown


def _content(raw: JsonObject) -> JsonObject:
    metadata = {k: v for k, v in raw["metadata"].items() if k not in SERVER_MADE}
    return {**raw, "metadata": metadata}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path, value


def _conflicts(
    managers: Mapping[str, JsonObject], manager: str, sent: JsonObject
) -> dict[str, list[tuple[str, ...]]]:
    """Return the fields of each other manager that would get another value."""
    wished = dict(_leaves({key: sent[key] for key in sent if key not in ("apiVersion", "kind")}))
    found: dict[str, list[tuple[str, ...]]] = {}
    for name, fields in managers.items():
        mine = [p for p, value in _leaves(fields) if p in wished and wished[p] != value]
        if mine and name != manager:
            found[name] = mine
    return found


def _conflict(target: ObjectId, conflicts: Mapping[str, list[tuple[str, ...]]]) -> FieldConflict:
    owned = {name: tuple(".".join(path) for path in paths) for name, paths in conflicts.items()}
    words = "; ".join(f"{name} owns {', '.join(fields)}" for name, fields in owned.items())
    error = FieldConflict(f"cannot apply {target.title}: {words}", code=409)
    error.managers = owned
    return error


def _taken_over(
    managers: dict[str, JsonObject], conflicts: Mapping[str, list[tuple[str, ...]]]
) -> dict[str, JsonObject]:
    for name, paths in conflicts.items():
        for path in paths:
            holder = managers[name]
            for step in path[:-1]:
                holder = holder[step]
            del holder[path[-1]]
    return managers


def _without(old: Any, before: Any, now: Any, others: list[Any]) -> Any:
    """Drop what the manager had applied and leaves out now, unless others applied it too."""
    if not (isinstance(old, dict) and isinstance(before, dict)):
        return old
    after = now if isinstance(now, dict) else {}
    beside = [fields for fields in others if isinstance(fields, dict)]
    return {
        key: _without(value, before.get(key), after.get(key), [f[key] for f in beside if key in f])
        for key, value in old.items()
        if key not in before
        or key in after
        or isinstance(value, dict)
        or any(key in fields for fields in beside)
    }


def _merge(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merge(old.get(key), value) for key, value in new.items()}}
    return copy.deepcopy(new)
