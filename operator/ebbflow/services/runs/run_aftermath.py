"""When all nodes of a Run have ended: what it made is recorded, and what left the document goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.reasons import Reason
from ebbflow.api.run import PlannedChange, Run
from ebbflow.api.template import Template
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.inventory import (
    Entry,
    InvalidInventory,
    Inventory,
    InventoryFull,
    Keep,
    Prune,
    left_behind,
)
from ebbflow.domain.objects import ObjectId, owner_mark
from ebbflow.domain.ports import Clock
from ebbflow.domain.prune_guard import PRUNE_ALL, too_much
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.once import done_by
from ebbflow.domain.runs.plan import Over
from ebbflow.domain.runs.queue import STARTED_PHASES
from ebbflow.domain.runs.tree import Task, find
from ebbflow.services.runs.inventories import Inventories
from ebbflow.services.runs.made_objects import MadeLog
from ebbflow.services.runs.removal import Judged, Refused, Removal, Removed, reasons, titles
from ebbflow.services.runs.run_nodes import RunNodes
from ebbflow.services.runs.run_wanted import Unknown, known_targets, wanted
from ebbflow.services.runs.run_work import Moment, Work

ENABLED: Final = "enabled"


@dataclass(frozen=True, slots=True)
class Leaving:
    """What left the document, in order of deletion, and what the document names."""

    entries: tuple[Entry, ...]
    named: frozenset[ObjectId]


class RunAftermath:
    """Settles Runs between the end of their last node and the end that their status tells.

    All of it can be repeated: an operator that is killed meanwhile begins it anew.
    """

    def __init__(
        self,
        store: RunStore,
        nodes: RunNodes,
        inventories: Inventories,
        removal: Removal,
        made: MadeLog,
        cel: CelCompiler,
        clock: Clock,
    ) -> None:
        self._store = store
        self._nodes = nodes
        self._inventories = inventories
        self._removal = removal
        self._made = made
        self._cel = cel
        self._clock = clock

    async def settle(self, work: Work, over: Over) -> Over:
        """Record and prune; returns the end with what there is to say about it.

        Raises StaleWrite, ClusterError.
        """
        prunes = over.phase == "Succeeded" and work.memory.content.prune
        if work.run.spec.dry_run:
            words = await self._plan(work) if prunes else ""
            return replace(over, message=over.message + words)
        await self._recall(work)
        mark = owner_mark(work.parent.key)
        noted = self._made.of(mark)
        made = (*_entries(work), *noted)
        memory = work.memory
        done = done_by(work.run.metadata.name, memory.tree, memory.root, work.states)
        try:
            inventory = (await self._inventories.read(work.parent)).with_entries(made)
        except (InventoryFull, InvalidInventory) as error:
            if isinstance(error, InventoryFull):
                work.parent = await self._inventories.change(
                    work.parent, lambda before: before.with_once(done)
                )
            words = await self._not_pruned(work.run, str(error))
            return replace(over, message=over.message + words)
        removed, words = Removed(), ""
        if prunes:
            removed, words = await self._prune(work, inventory, mark)
        work.parent = await self._inventories.change(
            work.parent,
            lambda before: before.with_entries(made).without(removed.gone).with_once(done),
        )
        self._made.settled(mark, noted)
        return replace(over, message=over.message + words)

    # What it made

    async def _recall(self, work: Work) -> None:
        """After a restart: find out anew what nodes made that an earlier process saw to."""
        for state in work.states.values():
            found = find(work.memory.tree, state.path)
            if state.phase != "Succeeded" or state.path in work.memory.applied or found is None:
                continue
            if isinstance(found[0], Task):
                await self._nodes.recall(self._moment(work), state.path)

    # What left the document

    async def _prune(self, work: Work, inventory: Inventory, mark: str) -> tuple[Removed, str]:
        leaving = await self._leaving(work, inventory)
        if isinstance(leaving, Unknown):
            return Removed(), await self._not_pruned(work.run, leaving.why)
        if not leaving.entries or await self._others_count(work.run, work.parent.key):
            return Removed(), ""
        judged = await self._removal.judge(leaving.entries, mark, work.memory.account)
        held_back = _held_back(work.parent, judged, inventory, leaving)
        if held_back is not None:
            return Removed(), await self._not_pruned(work.run, held_back)
        removed = await self._removal.remove(judged, mark, work.memory.account)
        return removed, await self._tell(work.run, removed)

    async def _leaving(self, work: Work, inventory: Inventory) -> Leaving | Unknown:
        """Return what is in the inventory and not in the document, in order of deletion."""
        known = known_targets(work.memory)
        if not left_behind(inventory, known):
            return Leaving((), known)
        named = await wanted(self._moment(work), self._nodes)
        if isinstance(named, Unknown):
            return named
        return Leaving(left_behind(inventory, named), named)

    async def _others_count(self, run: Run, source: Key) -> bool:
        """Tell whether another Run has the last word on what stays: one that is under way, or
        that began later. That one prunes when it ends.
        """
        began = run.status.started_at or ""
        for other in await self._store.runs_of(source):
            if other.metadata.uid == run.metadata.uid or other.spec.dry_run:
                continue
            if other.status.phase in STARTED_PHASES or (other.status.started_at or "") > began:
                return True
        return False

    async def _not_pruned(self, run: Run, why: str) -> str:
        words = f"nothing was pruned: {why}"
        await self._store.announce(run, Reason.PRUNE_INCOMPLETE, words, warning=True)
        return f"; {words}"

    async def _tell(self, run: Run, removed: Removed) -> str:
        words = ""
        if removed.deleted:
            said = f"deleted what left the document: {titles(removed.deleted)}"
            await self._store.announce(run, Reason.PRUNED, said, warning=False)
            words += f"; {said}"
        left: tuple[Keep | Refused, ...] = (*removed.refused, *removed.kept)
        if removed.refused:
            said = f"not pruned: {reasons(removed.refused)}"
            await self._store.announce(run, Reason.PRUNE_INCOMPLETE, said, warning=True)
        return words + (f"; not pruned: {reasons(left)}" if left else "")

    # What would leave it

    async def _plan(self, work: Work) -> str:
        """Add to a dry run's plan what a real one would delete."""
        if any(change.action == "delete" for change in work.changes):
            return ""
        try:
            inventory = await self._inventories.read(work.parent)
        except InvalidInventory as error:
            return f"; nothing would be pruned: {error}"
        leaving = await self._leaving(work, inventory)
        if isinstance(leaving, Unknown):
            return f"; nothing would be pruned: {leaving.why}"
        mark = owner_mark(work.parent.key)
        judged = await self._removal.judge(leaving.entries, mark, work.memory.account)
        held_back = _held_back(work.parent, judged, inventory, leaving)
        if held_back is not None:
            return f"; nothing would be pruned: {held_back}"
        work.changes += [
            PlannedChange(node="", object=_object(one.entry.target), action="delete")
            for one in judged
            if isinstance(one, Prune)
        ]
        left = [one for one in judged if isinstance(one, Keep | Refused)]
        return f"; would not be pruned: {reasons(left)}" if left else ""

    def _moment(self, work: Work) -> Moment:
        return work.moment(self._clock.now(), self._cel)


def _entries(work: Work) -> tuple[Entry, ...]:
    return tuple(
        Entry(ObjectId.of(live).any_version, str(live["metadata"]["uid"]))
        for made in work.memory.applied.values()
        for live in made
    )


def _held_back(
    parent: Template, judged: Iterable[Judged], inventory: Inventory, leaving: Leaving
) -> str | None:
    """Return why nothing is deleted, and what to do if it is meant; None if nothing is wrong."""
    if parent.metadata.annotations.get(PRUNE_ALL) == ENABLED:
        return None
    doomed = [one.entry for one in judged if isinstance(one, Prune)]
    why = too_much(doomed, inventory, leaving.named)
    if why is None:
        return None
    return (
        f"{why}; if that is meant: kubectl annotate templates.ebbflow.dev -n "
        f"{parent.metadata.namespace} {parent.metadata.name} {PRUNE_ALL}={ENABLED}, "
        "then run it again"
    )


def _object(target: ObjectId) -> str:
    """Name an object as plans do; an inventory knows no versions but the core group's only one."""
    return f"{target.group or 'v1'} {target.title}"
