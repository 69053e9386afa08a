"""Work that an attempt waits for beside its run's pass: a slow server must hold up nobody else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ebbflow.services.nodes.kind import Call, Failed, Result, Working

PATIENCE: Final = 1.0
"""Seconds for which a result is waited for at once; the other nodes of the run wait meanwhile."""

RECHECK: Final = timedelta(seconds=1)
"""How soon to ask again for what is not done yet."""

KEPT: Final = timedelta(minutes=10)
"""How long an errand is kept that nobody asks for: requests end long before."""

REMEMBERED: Final = 1024
"""Attempts of which is remembered that they may begin their work again."""


@dataclass(frozen=True, slots=True)
class _Errand:
    task: asyncio.Task[Result]
    begun: datetime


class Errands:
    """What is under way for attempts, by their idempotency keys.

    `patience`: seconds to wait for a result at once. An errand that nobody asks for is given up
    after `kept`.
    """

    def __init__(self, patience: float = PATIENCE, kept: timedelta = KEPT) -> None:
        self._patience = patience
        self._kept = kept
        self._errands: dict[str, _Errand] = {}
        self._again: deque[str] = deque(maxlen=REMEMBERED)

    def __len__(self) -> int:
        """Return how many there are whose result nobody took."""
        return len(self._errands)

    def __contains__(self, key: str) -> bool:
        """Tell whether there is one."""
        return key in self._errands

    async def follow(
        self,
        call: Call[Any],
        work: Callable[[], Coroutine[Any, Any, Result]],
        *,
        lost: str,
        meanwhile: str,
    ) -> Result:
        """Begin the work of a fresh attempt, and return what came of it, or `meanwhile` as its words.

        `lost`: the words for work that was under way and is there no more. Raises what the work
        raises: that it cannot be done, or not now. What raised may begin again, fresh or not.
        """
        key = call.idempotency_key
        if key not in self:
            if not call.fresh and not self.may_begin_again(key):
                return Failed(lost)
            self.begin(key, work(), call.now)
        return await self.result(key) or Working(meanwhile, after=RECHECK)

    def may_begin_again(self, key: str) -> bool:
        """Tell whether the work of an attempt raised, though the attempt is not fresh any more.

        It is fresh only until it was said that its work goes on.
        """
        return key in self._again

    def begin(self, key: str, work: Coroutine[Any, Any, Result], now: datetime) -> None:
        """Begin one. What was begun long ago and nobody asked for since is given up."""
        self._forget_old(now)
        self._errands[key] = _Errand(asyncio.create_task(work), now)

    async def result(self, key: str) -> Result | None:
        """Return what came of it, once; None: it is still under way. Raises what the work raises."""
        errand = self._errands[key]
        await asyncio.wait((errand.task,), timeout=self._patience)
        if not errand.task.done():
            return None
        del self._errands[key]
        try:
            return errand.task.result()
        except Exception:
            self._again.append(key)
            raise

    def give_up(self, key: str) -> bool:
        """End it, if it is there; tell whether it was still under way."""
        errand = self._errands.pop(key, None)
        return errand is not None and errand.task.cancel()

    def _forget_old(self, now: datetime) -> None:
        """Nobody asks for some: documents that do not wait, runs that ended otherwise."""
        for key in [
            key for key, errand in self._errands.items() if errand.begun + self._kept < now
        ]:
            self.give_up(key)
