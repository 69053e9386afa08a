"""Reads whose answers are kept for a while, for questions that strangers can ask as they like."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from ebbflow.domain.webhooks.rates import Rate, Rates
from ebbflow.services.joined_reads import JoinedReads

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEEP: Final = 10.0
"""Seconds that an answer is good for."""

FRESH: Final = 1.0
"""Seconds: what does not fit an answer is compared again with one that is not older."""

MOST: Final = 1024
"""Answers of each sort that are kept: those that there are, and those that there are not."""

STRANGERS: Final = Rate(a_second=20, burst=100)
"""Reads of what was not known to exist, all of them together."""

NO_SECRET: Final = "ebbflow-no-secret"  # noqa: S105 - the name of one
"""A Secret that there is not, to be read where one would be."""


class Overloaded(Exception):
    """Too many ask for what is not known to exist; ask again in a moment."""


class RememberedReads(Generic[K, V]):
    """Reads by key. What is there is read again when its answer is too old, whoever asks.

    What is not there, or was never asked for, is read only so often: a stranger who asks for many
    names costs the API server little, and nothing to those who ask for what there is.
    """

    def __init__(
        self,
        read: Callable[[K], Awaitable[V | None]],
        monotonic: Callable[[], float],
        strangers: Rate = STRANGERS,
    ) -> None:
        self._reads = JoinedReads[K, V | None](read)
        self._monotonic = monotonic
        self._rates = Rates(strangers, monotonic, remembered=1)
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._unknown: OrderedDict[K, float] = OrderedDict()

    async def get(self, key: K, max_age: float = KEEP) -> V | None:
        """Return what is there, as it was at most `max_age` seconds ago; None if nothing is.

        Raises Overloaded, and what the read raises.
        """
        oldest = self._monotonic() - max_age
        known = self._known.get(key)
        if known is not None and known[0] >= oldest:
            self._known.move_to_end(key)
            return known[1]
        if known is None and self._unknown.get(key, float("-inf")) >= oldest:
            return None
        if known is None and self._rates.take(()) is not None:
            raise Overloaded
        return await self._read(key)

    def refuse(self) -> None:
        """Raise Overloaded if strangers are refused reads now.

        For answers to strangers about what there is: they must be as those about what there is not.
        """
        if self._rates.is_empty(()):
            raise Overloaded

    async def _read(self, key: K) -> V | None:
        began = self._monotonic()
        value = await self._reads.get(key)
        self._known.pop(key, None)
        self._unknown.pop(key, None)
        if value is None:
            self._unknown[key] = began
        else:
            self._known[key] = (began, value)
        for kept in (self._known, self._unknown):
            if len(kept) > MOST:
                kept.popitem(last=False)
        return value
