"""Takes note of every object that runs make, whichever kind of node makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.inventory import Entry
from ebbflow.domain.objects import RUN_MANAGER, Account, AccountState, ObjectId, Objects


class MadeLog:
    """What was made for a source, by its mark, until its inventory has it."""

    def __init__(self) -> None:
        self._made: dict[str, dict[ObjectId, str]] = {}

    def note(self, mark: str, live: JsonObject) -> None:
        """Take note of an object as the API server returned it."""
        target = ObjectId.of(live).any_version
        self._made.setdefault(mark, {})[target] = str(live["metadata"]["uid"])

    def of(self, mark: str) -> tuple[Entry, ...]:
        """Return what is not in the source's inventory yet, as far as this process made it."""
        return tuple(Entry(target, uid) for target, uid in self._made.get(mark, {}).items())

    def settled(self, mark: str, entries: Iterable[Entry]) -> None:
        """Forget what the inventory has now."""
        made = self._made.get(mark, {})
        for entry in entries:
            if made.get(entry.target) == entry.uid:
                del made[entry.target]
        if not made:
            self._made.pop(mark, None)


class NotingObjects(Objects):
    """The port Objects that tells a MadeLog what is written under the manager of a source's runs."""

    def __init__(self, inner: Objects, made: MadeLog) -> None:
        self._inner = inner
        self._made = made

    @override
    async def get(self, target: ObjectId, account: Account) -> JsonObject | None:
        return await self._inner.get(target, account)

    @override
    async def find(
        self, group: str, kind: str, namespace: str, labels: Mapping[str, str], account: Account
    ) -> tuple[JsonObject, ...]:
        return await self._inner.find(group, kind, namespace, labels, account)

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
        live = await self._inner.apply(
            manifest, account, manager=manager, force=force, dry_run=dry_run
        )
        if not dry_run:
            self._note(manager, live)
        return live

    @override
    async def create(self, manifest: JsonObject, account: Account, *, manager: str) -> JsonObject:
        live = await self._inner.create(manifest, account, manager=manager)
        self._note(manager, live)
        return live

    @override
    async def delete(
        self, target: ObjectId, account: Account, *, uid: str, resource_version: str = ""
    ) -> bool:
        return await self._inner.delete(target, account, uid=uid, resource_version=resource_version)

    @override
    async def check_account(self, account: Account) -> AccountState:
        return await self._inner.check_account(account)

    def _note(self, manager: str, live: JsonObject) -> None:
        if manager.startswith(RUN_MANAGER):
            self._made.note(manager.removeprefix(RUN_MANAGER), live)
