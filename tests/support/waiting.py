"""Waiting for a condition instead of sleeping: the one poll loop of the tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25


def eventually(check: Callable[[], T], timeout: float, what: str) -> T:
    """Call `check` until it returns something true, and return that.

    An AssertionError inside `check` counts as "not yet"; any other exception is a bug and comes out
    at once. `timeout` is in seconds. `what` completes the sentence "waited for ...". After the
    deadline an AssertionError says what was waited for and what was seen last.
    """
    waiting = _Waiting[T](timeout, what)
    for pause in waiting.pauses():
        try:
            if waiting.saw(seen := check()):
                return seen
        except AssertionError as error:
            waiting.last = error
        time.sleep(pause)
    raise waiting.in_vain()


async def soon(check: Callable[[], Awaitable[T] | T], seconds: float, what: str) -> T:
    """Do as `eventually` while the event loop goes on; what `check` returns may be awaitable."""
    waiting = _Waiting[T](seconds, what)
    for pause in waiting.pauses():
        try:
            found = check()
            seen = await found if isinstance(found, Awaitable) else found
            if waiting.saw(seen):
                return seen
        except AssertionError as error:
            waiting.last = error
        await asyncio.sleep(pause)
    raise waiting.in_vain()


class _Waiting(Generic[T]):
    """How long to go on, and what was seen last."""

    def __init__(self, timeout: float, what: str) -> None:
        self._timeout = timeout
        self._what = what
        self.last: object = None

    def pauses(self) -> Iterator[float]:
        """Give the pause after each try; the last try is made after the deadline."""
        deadline = time.monotonic() + self._timeout
        pause = FIRST_PAUSE
        while True:
            over = time.monotonic() >= deadline
            yield 0.0 if over else pause
            if over:
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    def saw(self, seen: T) -> bool:
        self.last = seen
        return bool(seen)

    def in_vain(self) -> AssertionError:
        return AssertionError(
            f"waited {self._timeout:g} s for {self._what}; seen last: {self.last!r}"
        )
