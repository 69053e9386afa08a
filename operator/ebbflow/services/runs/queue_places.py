"""What Runs that wait are told of their places: not each of them each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.run import Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.ports import Clock
from ebbflow.domain.runs.round import Round
from ebbflow.services.runs import run_report as report

NEAR: Final = 1
"""Who is next always knows their place; the others may know it a little late."""

PLACES_EVERY: Final = timedelta(seconds=5)
PLACE_TAKES: Final = timedelta(milliseconds=250)
"""How late: so long, and longer where many wait. Each end of a Run moves all that wait, and telling
each of them each time would cost more than the Runs themselves. So it is four writes a second at
most, however many wait: the next Run's turn comes after them.
"""


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told now, as the statuses of Runs; and when to tell the others (None: none)."""

    statuses: tuple[tuple[Run, RunStatus], ...]
    after: timedelta | None


class QueuePlaces:
    """Knows when the Runs of each source were last told their places."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[Key, float] = {}

    def forget(self, source: Key) -> None:
        """Drop what is known of a source that is gone."""
        self._told.pop(source, None)

    def news(self, parent: Template, outcome: Round, runs: Mapping[str, Run]) -> News:
        """Return what the Runs that wait are to be told after a round; they count as told then.

        `runs`: those of the parent, by name.
        """
        source, suspended = parent.key, parent.spec.suspend
        line, active = outcome.state.queue, outcome.state.active
        before = active[0] if active else None
        now = self._clock.monotonic()
        pause = max(PLACES_EVERY, len(line) * PLACE_TAKES).total_seconds()
        # A process that has just started does not know when they were told: perhaps just now.
        due = self._told.setdefault(source, now) + pause
        told: list[tuple[Run, RunStatus]] = []
        late = False
        for place, name in enumerate(line, 1):
            run = runs.get(name)
            if run is None or name in outcome.ending or _knows(run, place, suspended=suspended):
                continue
            if _is_new(run, suspended=suspended) or place <= NEAR or due <= now:
                words = report.queued(run, place, before, self._clock.now(), suspended=suspended)
                told.append((run, words))
            else:
                late = True
        if due <= now and len(line) > NEAR:
            self._told[source] = now
        return News(tuple(told), timedelta(seconds=due - now) if late else None)


def _is_new(run: Run, *, suspended: bool) -> bool:
    """Tell whether the Run has no place yet, or waits for another cause than it says."""
    return run.status.position is None or report.tells_suspension(run.status) != suspended


def _knows(run: Run, place: int, *, suspended: bool) -> bool:
    return run.status.position == place and not _is_new(run, suspended=suspended)
