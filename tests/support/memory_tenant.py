"""The port Objects in memory: any object, written as any account that is not denied.

Held to what tests need of server-side apply: a manager's fields of the last apply that are left out
of the next one go; other fields stay. Statuses are set by tests, as controllers do.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import (
    Account,
    AccountState,
    AlreadyExists,
    Changed,
    ObjectError,
    ObjectId,
    Objects,
    Usable,
)
from ebbflow.domain.secret import Tainted

SERVER_MADE = ("uid", "resourceVersion", "generation", "creationTimestamp")


class MemoryObjects(Objects):
    """A cluster of objects. `calls` lists what was asked, such as `apply ConfigMap shop/a as robot`.

    `refusals` are asked before each call with its words; an error that they return is raised.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refusals: list[Callable[[str], ObjectError | None]] = []
        self._objects: dict[ObjectId, JsonObject] = {}
        self._applied: dict[tuple[ObjectId, str], JsonObject] = {}
        self._versions = itertools.count(1)

    def live(self, kind: str, name: str, namespace: str = "default", group: str = "") -> JsonObject:
        """Return a stored object."""
        return self._objects[ObjectId(group, kind, namespace, name)]

    def names(self) -> list[str]:
        return sorted(target.title for target in self._objects)

    def set_status(self, target: ObjectId, status: JsonObject) -> None:
        """Write a status as a controller does."""
        self._objects[target.any_version]["status"] = status

    async def get(self, target: ObjectId, account: Account) -> JsonObject | None:
        self._asked("get", target, account)
        return copy.deepcopy(self._objects.get(target.any_version))

    async def find(
        self, group: str, kind: str, namespace: str, labels: Mapping[str, str], account: Account
    ) -> tuple[JsonObject, ...]:
        return tuple(
            copy.deepcopy(raw)
            for target, raw in self._objects.items()
            if (target.group, target.kind, target.namespace) == (group, kind, namespace)
            and labels.items() <= (raw["metadata"].get("labels") or {}).items()
        )

    async def apply(
        self,
        manifest: JsonObject,
        account: Account,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
    ) -> JsonObject:
        target = ObjectId.of(manifest, account.namespace)
        self._asked("dry-run" if dry_run else "apply", target, account)
        key = target.any_version
        old = self._objects.get(key)
        wished = manifest["metadata"].get("resourceVersion")
        if wished and (old is None or old["metadata"]["resourceVersion"] != wished):
            raise Changed(f"{target.title} changed", code=409)
        before = self._applied.get((key, manager), {})
        new = _merge(_without(copy.deepcopy(old or {}), before, manifest), manifest)
        new["metadata"].setdefault("namespace", target.namespace)
        stored = self._stamped(old, new)
        if not dry_run:
            self._applied[key, manager] = copy.deepcopy(manifest)
            self._objects[key] = stored
        return copy.deepcopy(stored)

    async def create(self, manifest: JsonObject, account: Account, *, manager: str) -> JsonObject:
        target = ObjectId.of(manifest, account.namespace)
        self._asked("create", target, account)
        if target.any_version in self._objects:
            raise AlreadyExists(f"{target.title} exists", code=409)
        self._objects[target.any_version] = self._stamped(None, copy.deepcopy(manifest))
        return copy.deepcopy(self._objects[target.any_version])

    async def delete(
        self, target: ObjectId, account: Account, *, uid: str, resource_version: str = ""
    ) -> bool:
        self._asked("delete", target, account)
        found = self._objects.get(target.any_version)
        if found is None:
            return False
        if found["metadata"]["uid"] != uid:
            raise Changed(f"{target.title} is another one by now", code=409)
        del self._objects[target.any_version]
        return True

    async def check_account(self, account: Account) -> AccountState:
        return Usable()

    def _asked(self, verb: str, target: ObjectId, account: Account) -> None:
        words = f"{verb} {target.title} as {account.name}"
        self.calls.append(words)
        for refuse in self.refusals:
            if (error := refuse(words)) is not None:
                raise error

    def _stamped(self, old: JsonObject | None, new: JsonObject) -> JsonObject:
        if old is not None and _content(old) == _content(new):
            return old
        metadata = new["metadata"]
        metadata.update((old or {}).get("metadata", {}) | metadata)
        metadata.setdefault("uid", f"uid-{next(self._versions)}")
        metadata["resourceVersion"] = str(next(self._versions))
        return new


def _content(raw: JsonObject) -> JsonObject:
    metadata = {k: v for k, v in raw["metadata"].items() if k not in SERVER_MADE}
    return {**raw, "metadata": metadata}


def _without(old: Any, before: Any, now: Any) -> Any:
    """Drop what the manager had applied and leaves out now."""
    if not (isinstance(old, dict) and isinstance(before, dict)):
        return old
    after = now if isinstance(now, dict) else {}
    return {
        key: _without(value, before.get(key), after.get(key))
        for key, value in old.items()
        if key not in before or key in after
    }


def _merge(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merge(old.get(key), value) for key, value in new.items()}}
    return new if isinstance(new, Tainted) else copy.deepcopy(new)
