"""How often somebody may come: a bucket of tokens for each, and a bounded number of buckets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

REMEMBERED: Final = 4096
"""Buckets that are kept. The one that was not used for longest goes, and is full when it is made
anew: whoever has so many names to come under is held back by none of them."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, and `a_second` from then on."""

    a_second: float
    burst: int


class Rates:
    """Token buckets, one a key."""

    def __init__(
        self, rate: Rate, monotonic: Callable[[], float], remembered: int = REMEMBERED
    ) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._remembered = remembered
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> timedelta | None:
        """Take a token; None if there was one, else how long until there is one."""
        now, left = self._monotonic(), self._left(key)
        missing = max(0.0, 1.0 - left)
        self._buckets[key] = (left if missing else left - 1.0, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return timedelta(seconds=missing / self._rate.a_second) if missing else None

    def is_empty(self, key: Hashable) -> bool:
        """Tell whether there is no token now; takes none."""
        return self._left(key) < 1.0

    def _left(self, key: Hashable) -> float:
        now = self._monotonic()
        left, since = self._buckets.get(key, (float(self._rate.burst), now))
        return min(float(self._rate.burst), left + (now - since) * self._rate.a_second)
