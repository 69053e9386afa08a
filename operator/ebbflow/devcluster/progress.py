"""Saying what is going on, also where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 10.0

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """Print one line on standard error at once."""
    sys.stderr.write(f"ebbflow: {line}\n")
    sys.stderr.flush()


def duration(seconds: float) -> str:
    """Return a duration as people write it: 9 s, 2 min 05 s."""
    whole = int(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02} s"  # noqa: PLR2004


class Pulse:
    """Says a line now and then while something takes long."""

    def __init__(
        self, say: Say, *, every: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say: Final = say
        self._every: Final = every
        self._clock: Final = clock
        self._began: Final = clock()
        self._next = self._began + every

    @property
    def elapsed(self) -> str:
        """How long it has taken so far."""
        return duration(self._clock() - self._began)

    def beat(self, line: Callable[[], str]) -> None:
        """Say `line()` with the time it took so far, if it is time to say something."""
        if self._clock() >= self._next:
            self._next = self._clock() + self._every
            self._say(f"{line()} ({self.elapsed} so far)")
