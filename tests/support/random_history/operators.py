"""Operators of a random history: the services of a process, woken and killed as real ones are."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from typing_extensions import override

from ebbflow.api.base import Key
from ebbflow.domain.outcome import Done, Postponed, Report, Stalled, Waiting
from ebbflow.domain.ports import ClusterError, StaleWrite
from ebbflow.services.schedule import Schedule
from tests.support.memory_cluster import Killed
from tests.support.random_history.faults import CLUSTER, GIT, Port, Process
from tests.support.random_history.ground import Ground
from tests.support.sync_world import SyncWorld

BACKOFF_SECONDS = 1.0


class Operator(SyncWorld):
    """One process: its services, its memory, and the objects that it has to look at."""

    def __init__(self, ground: Ground, random: Random) -> None:
        self._ground: Ground | None = None
        super().__init__(ground.window)
        self._ground = ground
        self._random = random
        self.clock = ground.clock
        self.process = Process(random, ground.clock)
        self.due: dict[Key, float] = {}
        self.restart()

    @override
    def restart(self) -> None:
        if self._ground is not None:
            self.process.alive = False
            self.process = Process(self._random, self.clock)
            faults = self._ground.faults
            self.cluster = Port(self._ground.cluster, CLUSTER, faults, self.process)
            self.status = Port(self._ground.status, CLUSTER, faults, self.process)
            self.git = Port(self._ground.git, GIT, faults, self.process)
            self.schedule = Schedule(self.clock)
            # At its start a process is told of every object.
            self.woken = list(self._ground.keys.values())
            self.due = {}
        super().restart()

    def is_due(self, key: Key) -> bool:
        """Tell whether something asks for a pass over the object."""
        now = self.clock.monotonic()
        return key in self.woken or self.due.get(key, now + 1) <= now

    def next_time(self) -> float | None:
        """Return when the next thing happens by itself, in seconds of the clock."""
        times = [*self.due.values(), *(time for time, _, _ in self.schedule._heap)]
        return min(times, default=None)

    async def poll(self) -> None:
        """Do what the schedule holds for now."""
        self.schedule._run_due()
        await self.settled()

    async def look_at(self, key: Key) -> None:
        """Make one pass, and do with what it came to as the loop does."""
        self.woken[:] = [other for other in self.woken if other != key]
        self.due.pop(key, None)
        now = self.clock.monotonic()
        try:
            report = await self.reconcile(key)
        except Killed:
            return
        except (StaleWrite, ClusterError):
            self.due[key] = now + BACKOFF_SECONDS
            return
        match report.outcome if isinstance(report, Report) else report:
            case Done(after=timedelta() as after) | Waiting(after=after) | Postponed(after=after):
                self.due[key] = now + after.total_seconds()
            case Stalled(recheck=timedelta() as recheck):
                self.due[key] = now + recheck.total_seconds()
            case _:
                pass


async def together(operators: list[Operator], key: Key) -> None:
    """Let several processes make a pass over one object at the same time."""
    for operator in operators:
        operator.process.together = len(operators) > 1
    await asyncio.gather(*(operator.look_at(key) for operator in operators))
    for operator in operators:
        operator.process.together = False
