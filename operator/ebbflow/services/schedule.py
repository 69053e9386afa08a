"""The one schedule: every poll, retry and recheck of the process is an entry of this heap."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Hashable

from ebbflow.domain.ports import Clock

Action = Callable[[], None]


class Schedule:
    """Runs actions at their time; an entry is named by a token and replaces its namesake."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Hashable]] = []
        self._entries: dict[Hashable, tuple[int, Action]] = {}
        self._numbers = itertools.count()
        self._changed = asyncio.Event()

    def after(self, seconds: float, token: Hashable, action: Action) -> None:
        """Run `action` once, in `seconds`; an earlier entry of the same token is dropped."""
        number = next(self._numbers)
        self._entries[token] = (number, action)
        heapq.heappush(self._heap, (self._clock.monotonic() + max(0.0, seconds), number, token))
        self._changed.set()

    def cancel(self, token: Hashable) -> None:
        """Drop the entry of `token`, if there is one."""
        # Its place in the heap is skipped when its time comes.
        self._entries.pop(token, None)

    def __contains__(self, token: Hashable) -> bool:
        return token in self._entries

    async def run(self) -> None:
        """Work the schedule off, for ever."""
        while True:
            self._changed.clear()
            delay = self._run_due()
            try:
                await asyncio.wait_for(self._changed.wait(), delay)
            except TimeoutError:
                continue

    def _run_due(self) -> float | None:
        """Run what is due; returns the seconds until the next entry (None: there is none)."""
        while self._heap:
            due, number, token = self._heap[0]
            current = self._entries.get(token)
            stale = current is None or current[0] != number
            if not stale and (wait := due - self._clock.monotonic()) > 0:
                return wait
            heapq.heappop(self._heap)
            if current is not None and not stale:
                del self._entries[token]
                current[1]()
        return None
