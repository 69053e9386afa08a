"""Many callers, one request: shared work in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Mapping
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from ebbflow.domain.git import CommitId, Remote

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Runs work once for all who ask while it runs; for answers that do not age."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[V]] = {}

    async def run(self, key: K, work: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """Return what `work` returns, from a run that may have begun before this call."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(work())
            self._running[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        # A caller that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def _landed(self, key: K, task: asyncio.Task[V]) -> None:
        del self._running[key]
        _retrieve(task)

    async def cancel(self) -> None:
        """End what is running."""
        await _cancel(self._running.values())


class _Batch:
    def __init__(self) -> None:
        self.prefixes: set[str] = set()
        self.task: asyncio.Task[Mapping[str, CommitId]] | None = None


class RefsBatcher:
    """Gathers questions for references of one remote into one listing.

    Only questions that wait for the same listing to *begin* are joined: an answer that was asked
    for before a push would be taken for the world after it. One listing a remote runs at a time;
    all who come meanwhile share the next one.
    """

    def __init__(
        self, ask: Callable[[Remote, frozenset[str]], Awaitable[Mapping[str, CommitId]]]
    ) -> None:
        self._ask = ask
        self._waiting: dict[Remote, _Batch] = {}
        self._locks: WeakValueDictionary[Remote, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Mapping[str, CommitId]]] = set()

    async def refs(self, remote: Remote, prefixes: Collection[str]) -> Mapping[str, CommitId]:
        """Return where the references are whose names begin with one of these."""
        batch = self._waiting.get(remote)
        if batch is None:
            batch = self._waiting[remote] = _Batch()
        batch.prefixes.update(prefixes)
        if batch.task is None:
            # As a task it begins after everyone who is ready now has joined.
            batch.task = asyncio.create_task(self._send(remote, batch))
            self._tasks.add(batch.task)
            batch.task.add_done_callback(self._done)
        found = await asyncio.shield(batch.task)
        wanted = tuple(prefixes)
        return {ref: commit for ref, commit in found.items() if ref.startswith(wanted)}

    async def cancel(self) -> None:
        """End what is running."""
        await _cancel(self._tasks)

    async def _send(self, remote: Remote, batch: _Batch) -> Mapping[str, CommitId]:
        lock = self._locks.setdefault(remote, asyncio.Lock())
        async with lock:
            del self._waiting[remote]
            return await self._ask(remote, frozenset(batch.prefixes))

    def _done(self, task: asyncio.Task[Mapping[str, CommitId]]) -> None:
        self._tasks.discard(task)
        _retrieve(task)


def _retrieve(task: asyncio.Task[V]) -> None:
    # Else asyncio complains about a failure whose callers have all gone.
    if not task.cancelled():
        task.exception()


async def _cancel(tasks: Collection[asyncio.Task[V]]) -> None:
    running = list(tasks)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
