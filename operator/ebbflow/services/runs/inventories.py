"""The inventories of sources: read, and changed by compare-and-swap, in ControllerRevisions."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from ebbflow.api.base import NAME_MAX_LENGTH, JsonObject
from ebbflow.api.template import Template
from ebbflow.domain.inventory import (
    InvalidInventory,
    Inventory,
    read_inventory,
    write_inventory,
)
from ebbflow.domain.ports import Cluster, ClusterError, StaleWrite
from ebbflow.domain.run_store import RunStore, Snapshot
from ebbflow.domain.runs.queue import read_queue

log = logging.getLogger(__name__)

TRIES: Final = 5
"""How often somebody else may write the status first, before the pass begins anew."""

REMEMBERED: Final = 50_000
"""Entries of inventories that are kept in memory, at about 200 bytes each."""

_DIGEST: Final = 10
_FIELD: Final = "inventory"


class Inventories:
    """What the runs of each source made, as its status points to it."""

    def __init__(self, cluster: Cluster, store: RunStore) -> None:
        self._cluster = cluster
        self._store = store
        self._known: OrderedDict[tuple[str, str], Inventory] = OrderedDict()
        self._size = 0
        self._reserved: set[tuple[str, str]] = set()

    def reserve(self, parent: Template) -> JsonObject:
        """Return the fields that give a source without an inventory the name of its first one.

        They go with the record of a Run, so that the inventory is in place as soon as it is made,
        without a write of the status. Until then it counts 0. Empty where there is one.
        """
        if parent.status.inventory is not None:
            return {}
        name = _name(parent, "")
        self._reserved.add((parent.metadata.namespace, name))
        return {_FIELD: {"count": 0, "ref": name}}

    async def counted(self, parent: Template) -> JsonObject:
        """Return the fields that say how much a reserved inventory holds by now; empty if nothing
        is to be said, or if it cannot be read. Raises ClusterError.
        """
        kept = parent.status.inventory
        if kept is None or kept.ref is None or kept.count:
            return {}
        try:
            found = await self.read(parent)
        except InvalidInventory as error:
            log.warning("%s: its inventory %s is not counted: %s", parent.key, kept.ref, error)
            return {}
        return {_FIELD: {"count": len(found), "ref": kept.ref}} if found != Inventory() else {}

    async def read(self, parent: Template) -> Inventory:
        """Return the inventory of a source; empty if it has none, or if somebody removed it.

        Raises InvalidInventory, ClusterError.
        """
        kept = parent.status.inventory
        if kept is None or kept.ref is None:
            return Inventory()
        key = parent.metadata.namespace, kept.ref
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        if key in self._reserved:
            return Inventory()
        raw = await self._store.read(*key)
        if raw is None and not kept.count:
            return Inventory()
        if raw is None:
            log.warning("%s: its inventory %s is gone", parent.key, kept.ref)
            return Inventory()
        found = read_inventory(str(raw.get(_FIELD, "")))
        self._remember(key, found)
        return found

    async def change(self, parent: Template, change: Callable[[Inventory], Inventory]) -> Template:
        """Put the changed inventory in place of what is there; no request if it is the same.

        `change` is asked again if somebody else wrote first. Returns the source as stored. Raises
        StaleWrite if it is gone or another leadership works on it, InventoryFull, ClusterError.
        """
        for _ in range(TRIES):
            before = await self.read(parent)
            after = change(before)
            if after == before:
                return parent
            if await self._fill(parent, after):
                return parent
            snapshot = _snapshot(parent, after) if after != Inventory() else None
            try:
                return await self._point(parent, snapshot, after)
            except StaleWrite:
                parent = await self._again(parent)
                kept = parent.status.inventory
                if snapshot and (kept is None or kept.ref != snapshot.name):
                    await self._drop(parent, snapshot.name)
        raise StaleWrite(f"the status of {parent.key} is changed all the time", code=409)

    async def _fill(self, parent: Template, inventory: Inventory) -> bool:
        """Make the inventory that the status points to already; False if it is to be replaced."""
        kept = parent.status.inventory
        key = parent.metadata.namespace, (kept.ref if kept else None) or ""
        if key not in self._reserved:
            return False
        self._reserved.discard(key)
        text = {_FIELD: write_inventory(inventory)}
        try:
            await self._store.keep(Snapshot(key[1], text), parent)
        except ClusterError as error:
            if error.code != HTTPStatus.CONFLICT:
                self._reserved.add(key)
                raise
            # Another process made it, of what it knew.
            raise StaleWrite(str(error), code=error.code) from error
        self._remember(key, inventory)
        return True

    async def _point(
        self, parent: Template, snapshot: Snapshot | None, inventory: Inventory
    ) -> Template:
        field: JsonObject = {"count": len(inventory)}
        if snapshot:
            await self._store.keep(snapshot, parent)
            field["ref"] = snapshot.name
        queue = read_queue(parent.status)
        stored = await self._store.write_queue(parent, queue, {_FIELD: field})
        if snapshot:
            self._remember((parent.metadata.namespace, snapshot.name), inventory)
        old = parent.status.inventory
        if old is not None and old.ref is not None:
            await self._drop(parent, old.ref)
        return stored

    async def _again(self, parent: Template) -> Template:
        meta = parent.metadata
        found = await self._cluster.get(Template, meta.namespace, meta.name)
        same = found is not None and found.metadata.uid == meta.uid
        if found is None or not same or found.status.fence != parent.status.fence:
            raise StaleWrite(f"{parent.key} is another one by now", code=409)
        return found

    async def _drop(self, parent: Template, name: str) -> None:
        """What nobody points to is only in the way; it goes with the source at the latest."""
        found = self._known.pop((parent.metadata.namespace, name), None)
        self._size -= len(found or ())
        try:
            await self._store.drop(parent.metadata.namespace, name)
        except ClusterError as error:
            log.warning("%s: its old inventory %s stays: %s", parent.key, name, error)

    def _remember(self, key: tuple[str, str], inventory: Inventory) -> None:
        if key in self._known:
            return
        self._known[key] = inventory
        self._size += len(inventory)
        while self._size > REMEMBERED:
            _, oldest = self._known.popitem(last=False)
            self._size -= len(oldest)


def _snapshot(parent: Template, inventory: Inventory) -> Snapshot:
    """Return the inventory under a name of its own: the one before is part of what names it, so
    that a name which was dropped never comes back.
    """
    text = write_inventory(inventory)
    return Snapshot(_name(parent, text), {_FIELD: text})


def _name(parent: Template, text: str) -> str:
    old = parent.status.inventory
    before = old.ref if old else None
    named = f"{parent.metadata.uid} {before} {text}"
    digest = hashlib.sha256(named.encode()).hexdigest()[:_DIGEST]
    suffix = f"-made-{digest}"
    short = parent.metadata.name[: NAME_MAX_LENGTH - len(suffix)].rstrip("-.")
    return short + suffix
