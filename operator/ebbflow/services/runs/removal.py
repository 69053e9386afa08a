"""Deletes what runs made and nobody wants any more, in the tenant's name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeVar

from ebbflow.domain.first_few import SHOWN, first_few
from ebbflow.domain.inventory import Entry, Forget, Keep, Prune, Verdict, judge
from ebbflow.domain.objects import Account, Changed, ObjectError, Objects

AT_ONCE: Final = 16
TRIES: Final = 3

V = TypeVar("V")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """It should go, but the API server refused to show or to delete it."""

    entry: Entry
    error: ObjectError

    @property
    def why(self) -> str:
        """The words of the API server, with what helps."""
        return str(self.error)


Judged = Verdict | Refused


@dataclass(frozen=True, slots=True)
class Removed:
    """What came of it: `gone` are off the inventory, those that were `deleted` among them."""

    deleted: tuple[Entry, ...] = ()
    forgotten: tuple[Entry, ...] = ()
    kept: tuple[Keep, ...] = ()
    refused: tuple[Refused, ...] = ()

    @property
    def gone(self) -> tuple[Entry, ...]:
        """What the inventory need not know any more."""
        return (*self.deleted, *self.forgotten)


class Removal:
    """Looks at objects of an inventory, and deletes those that are still what was made."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def judge(
        self, entries: Sequence[Entry], mark: str, account: Account
    ) -> tuple[Judged, ...]:
        """Decide on each as it is now, in the order given; what is refused is a decision, too."""

        async def look(entry: Entry) -> Judged:
            return await self._judge(entry, mark, account)

        return await _side_by_side(entries, look)

    async def remove(self, judged: Sequence[Judged], mark: str, account: Account) -> Removed:
        """Delete what is to be pruned, one kind after another in the order given.

        What the API server refuses is not raised: it is among `Removed.refused`.
        """

        async def act(one: Judged) -> tuple[Judged, bool]:
            match one:
                case Prune():
                    return await self._delete(one, mark, account)
                case Forget() | Keep() | Refused():
                    return one, False

        done: list[tuple[Judged, bool]] = []
        for _, group in groupby(judged, key=lambda one: one.entry.target.kind):
            done += await _side_by_side(tuple(group), act)
        return Removed(
            deleted=tuple(one.entry for one, deleted in done if deleted),
            forgotten=tuple(one.entry for one, _ in done if isinstance(one, Forget)),
            kept=tuple(one for one, _ in done if isinstance(one, Keep)),
            refused=tuple(one for one, _ in done if isinstance(one, Refused)),
        )

    async def _judge(self, entry: Entry, mark: str, account: Account) -> Judged:
        try:
            return judge(entry, await self._objects.get(entry.target, account), mark)
        except ObjectError as error:
            return Refused(entry, error)

    async def _delete(self, wish: Prune, mark: str, account: Account) -> tuple[Judged, bool]:
        """Delete the very object that was looked at; look again if it changed since."""
        judged: Judged = wish
        for attempt in range(TRIES):
            if not isinstance(judged, Prune):
                return judged, False
            try:
                await self._objects.delete(
                    judged.entry.target,
                    account,
                    uid=judged.entry.uid,
                    resource_version=judged.resource_version,
                )
            except Changed as error:
                if attempt == TRIES - 1:
                    return Refused(wish.entry, error), False
                judged = await self._judge(wish.entry, mark, account)
            except ObjectError as error:
                return Refused(wish.entry, error), False
            else:
                return judged, True
        return judged, False


def titles(entries: Sequence[Entry]) -> str:
    """Name a few objects, and how many more there are."""
    return first_few([entry.target.title for entry in entries[:SHOWN]], len(entries), ", ")


def reasons(left: Sequence[Keep | Refused]) -> str:
    """Say of a few objects why they stay, and how many more do."""
    said = [f"{one.entry.target.title}: {one.why}" for one in left[:SHOWN]]
    return first_few(said, len(left))


async def _side_by_side(items: Sequence[T], act: Callable[[T], Awaitable[V]]) -> tuple[V, ...]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> V:
        async with gate:
            return await act(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return tuple(task.result() for task in tasks)
