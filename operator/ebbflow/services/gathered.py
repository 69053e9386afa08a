"""Work that comes piece by piece, and is done for several pieces at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Work = Callable[[K, tuple[V, ...]], Awaitable[None]]
"""Does what there is to do for a key and its pieces, oldest first; must not raise."""


class Gathered(Generic[K, V]):
    """Does the first piece of a key at once, and what comes within `gap` seconds after together.

    At most `most` pieces of a key wait: the oldest of them go.
    """

    def __init__(
        self,
        work: Work[K, V],
        gap: float,
        most: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._work = work
        self._gap = gap
        self._most = most
        self._sleep = sleep
        self._waiting: dict[K, deque[V]] = {}
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._closing = False

    def add(self, key: K, piece: V) -> None:
        """Have a piece done soon."""
        self._waiting.setdefault(key, deque(maxlen=self._most)).append(piece)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._run(key))

    async def close(self, seconds: float) -> None:
        """Do what waits without any gap, within this time."""
        self._closing = True
        resting = list(self._tasks.values())
        for task in resting:
            task.cancel()
        await asyncio.gather(*resting, return_exceptions=True)
        left = [self._work(key, tuple(pieces)) for key, pieces in self._waiting.items()]
        self._waiting.clear()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*left)
        except TimeoutError:
            return

    async def _run(self, key: K) -> None:
        try:
            while pieces := self._waiting.pop(key, None):
                await asyncio.shield(asyncio.ensure_future(self._work(key, tuple(pieces))))
                await self._sleep(self._gap)
        finally:
            del self._tasks[key]
