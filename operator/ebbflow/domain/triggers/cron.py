"""Schedules: five cron fields in a time zone. Pure, but for the database of time zones.

How the clocks' changes are met is Debian's rule (cron(8)), by the package cronsim. A time that the
clocks skip comes when they have skipped it; one that comes twice counts the first time. That is so
where neither minute nor hour begins with a star: the others follow the time that really passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

MAX_COUNTED: Final = 100
"""Ticks that are counted one by one; more were missed if it says so many."""

_TAKES: Final = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, and a month that has it, or L for the last",
    "month": "1 to 12, or JAN to DEC",
    "day-of-week": "0 to 7, or SUN to SAT",
}
"""What each field takes, beside `*`, lists, ranges and steps."""

_MACHINE: Final = frozenset({"local", "localtime", "posixrules", "factory"})
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that can be read; `parse` makes it.

    `delay`: how much later everything starts, at most the jitter.
    """

    fields: str
    zone: ZoneInfo
    delay: timedelta = timedelta()

    @classmethod
    def parse(
        cls,
        fields: str,
        time_zone: str | None,
        jitter: timedelta | None = None,
        seed: str = "",
    ) -> Schedule:
        """Read it; raises ValueError with what cannot be read.

        `jitter`: the longest delay. The share of it follows from `seed` (the trigger's UID), so it
        is the same after a restart and on every replica.
        """
        zone = _zone(time_zone or "UTC")
        try:
            CronSim(fields, datetime(2000, 1, 1, tzinfo=zone))
        except CronSimError as error:
            field = str(error).removeprefix("Bad ")
            raise ValueError(
                f"spec.schedule {fields!r}: the {field} is none; it takes {_TAKES.get(field, 'five of them')}"
            ) from error
        return cls(fields, zone, _share(seed) * (jitter or timedelta()))

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first start after the moment, in UTC; None if there is none in 50 years."""
        tick = self._tick_after(moment - self.delay)
        return tick and tick + self.delay

    def due(self, since: datetime, now: datetime) -> Due | None:
        """Return what is to be started now; None if nothing was due after `since`.

        However many ticks there were, the newest alone counts. `since` and the tick that comes
        back are times of the schedule itself, without the delay: store `Due.tick` as the next
        `since`.
        """
        end = now - self.delay
        first = self._tick_after(since)
        if first is None or first > end:
            return None
        newest = self._newest(first, end)
        return Due(newest, self._count(first, newest))

    def _newest(self, newest: datetime, end: datetime) -> datetime:
        """Return the newest tick up to `end`, given one: by halving, so that a year costs no more."""
        # Whatever lies between `newest` and `end` lies before `high`.
        high = end
        while high > newest:
            middle = newest + (high - newest) // _SECOND // 2 * _SECOND
            tick = self._tick_after(middle)
            if tick is None or tick > end:
                high = middle
            else:
                newest = tick
        return newest

    def _count(self, first: datetime, newest: datetime) -> int:
        """Return how many ticks there are from `first` to the one before `newest`."""
        ticks = takewhile(lambda tick: tick < newest, self._ticks_after(first - _SECOND))
        return sum(1 for _ in islice(ticks, MAX_COUNTED))

    def _tick_after(self, moment: datetime) -> datetime | None:
        return next(self._ticks_after(moment), None)

    def _ticks_after(self, moment: datetime) -> Iterator[datetime]:
        ticks = (t.astimezone(UTC) for t in CronSim(self.fields, moment.astimezone(self.zone)))
        # In an hour that comes twice the package counts from the first of the two.
        return (tick for tick in ticks if tick > moment)


@dataclass(frozen=True, slots=True)
class Due:
    """A tick that is to be started, and how many before it were missed (MAX_COUNTED at most)."""

    tick: datetime
    missed: int


def _zone(name: str) -> ZoneInfo:
    if name.lower() not in _MACHINE:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(_no_zone(name)) from error
    raise ValueError(_no_zone(name))


def _no_zone(name: str) -> str:
    return f"spec.timeZone {name!r} is no time zone; name one such as Europe/Berlin or UTC"


def _share(seed: str) -> float:
    """Return a number from 0 up to 1 that follows from the text."""
    return int.from_bytes(sha256(seed.encode()).digest()[:8]) / 2**64
