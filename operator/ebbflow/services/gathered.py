"""Work that comes piece by piece, and is done for several pieces at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Work = Callable[[K, tuple[V, ...]], Awaitable[None]]
"""Does what there is to do for a key and its pieces, oldest first; must not raise."""


class Gathered(Generic[K, V]):
    """Does the first piece of a key at once, and what comes within `gap` seconds after together.

    At most `most` pieces of a key wait: the oldest of them go.
    """

    def __init__(self, work: Work[K, V], gap: float, most: int) -> None:
        self._work = work
        self._gap = gap
        self._most = most
        self._waiting: dict[K, deque[V]] = {}
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    def add(self, key: K, piece: V) -> None:
        """Have a piece done soon."""
        self._waiting.setdefault(key, deque(maxlen=self._most)).append(piece)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._run(key))

    async def close(self, seconds: float) -> None:
        """Do what waits, and what comes later, without any gap; wait for that for so long."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)

    async def _run(self, key: K) -> None:
        try:
            while pieces := self._waiting.pop(key, None):
                await self._work(key, tuple(pieces))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), self._gap)
        finally:
            del self._tasks[key]
