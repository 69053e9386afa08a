"""Many who want to read the same thing at the same time, and one read for them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

CROWD_PAUSE: Final = 0.1
"""Seconds. Who reads alone never waits."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


async def _pause() -> None:
    await asyncio.sleep(CROWD_PAUSE)


class JoinedReads(Generic[K, V]):
    """Reads by key, of which those join that wait for the same read to *begin*.

    So an answer is never older than the question, as if everybody had read for himself: this is no
    cache. One read of a key runs at a time; all who ask meanwhile share the next one, and so do
    those who ask during the `pause` before it: there are many, and more are coming.
    """

    def __init__(
        self,
        read: Callable[[K], Awaitable[V]],
        pause: Callable[[], Awaitable[None]] = _pause,
    ) -> None:
        self._read = read
        self._pause = pause
        self._waiting: dict[K, asyncio.Task[V]] = {}
        self._running: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Return what a read finds that begins after this call; raises what the read raises."""
        task = self._waiting.get(key)
        if task is None:
            # As a task it begins after everybody who is ready now has joined.
            task = asyncio.create_task(self._read_after(key, self._running.get(key)))
            self._waiting[key] = task
            task.add_done_callback(_retrieve)
        # One that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    async def _read_after(self, key: K, earlier: asyncio.Task[V] | None) -> V:
        if earlier is not None:
            await asyncio.wait([earlier])
            await self._pause()
        task = self._running[key] = self._waiting.pop(key)
        try:
            return await self._read(key)
        finally:
            if self._running.get(key) is task:
                del self._running[key]


def _retrieve(task: asyncio.Task[V]) -> None:
    # Else asyncio complains about a failure whose callers have all gone.
    if not task.cancelled():
        task.exception()
