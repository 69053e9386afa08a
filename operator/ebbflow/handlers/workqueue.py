"""The work queue: which objects need a pass, each at most once, and never two passes at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from ebbflow.api.base import Key
from ebbflow.domain.ports import Clock
from ebbflow.services.schedule import Schedule

FIRST_BACKOFF = 0.5  # seconds
LAST_BACKOFF = 60.0


class QueueMetrics(Protocol):
    """What is counted about the queue."""

    def queue_added(self, kind: str) -> None: ...
    def queue_depth(self, kind: str, depth: int) -> None: ...
    def queue_taken(self, kind: str, waited_seconds: float) -> None: ...
    def retried(self, kind: str) -> None: ...


class SeenVersions(Protocol):
    """Knows the versions of objects that a pass has already dealt with or written itself."""

    def is_own(self, uid: str, resource_version: str) -> bool: ...
    def hold(self, uid: str, then: Callable[[], None]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object, as an event shows it."""

    uid: str
    resource_version: str
    named: str = ""
    """The object's own key as text: what is being made has no uid yet."""


@dataclass(slots=True)
class _Entry:
    since: float
    forced: bool = False
    versions: set[Version] = field(default_factory=set)


class WorkQueue:
    """Keys that need a pass: deduplicated, per key one at a time, with backoff after failures.

    Kinds take turns, each first come, first served: a Run that somebody waits for is not held up by
    a thousand Templates, and what those have begun is finished before all the others begin.

    An event of our own write needs no pass. Such an event can arrive before the answer to the
    write does, so events are judged when they are added, and again after the pass that may have
    written it. Not only when their key is taken: behind thousands of others that comes so late
    that the write is no longer remembered.
    """

    def __init__(
        self,
        schedule: Schedule,
        seen: SeenVersions,
        metrics: QueueMetrics,
        clock: Clock,
        random: Random,
    ) -> None:
        self._schedule = schedule
        self._seen = seen
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._entries: dict[Key, _Entry] = {}
        self._ready: dict[str, deque[Key]] = {}
        self._active: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._depths: dict[str, int] = {}
        self._wakeup = asyncio.Event()
        self._closed = False

    def add(self, key: Key, version: Version | None = None) -> None:
        """Ask for a pass: because of an event that shows `version`, or for another reason."""
        if version is not None and (self._is_own(version) or self._is_held(key, version)):
            return
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(self._clock.monotonic())
            self._count(key, +1)
            self._metrics.queue_added(key.kind)
            if key not in self._active:
                self._line_up(key)
        if version is None:
            entry.forced = True
        else:
            entry.versions.add(version)

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for a pass in `seconds`; a later call replaces an earlier one."""
        self._schedule.after(seconds, ("pass", key), lambda: self.add(key))

    def back_off(self, key: Key) -> float:
        """Ask for a pass after a failure: later with each failure in a row. Returns the seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        seconds = min(LAST_BACKOFF, FIRST_BACKOFF * 2.0 ** (failures - 1))
        seconds *= self._random.uniform(0.5, 1.0)
        self._metrics.retried(key.kind)
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: Key) -> None:
        """Take note that a pass went well: the next failure is the first one again."""
        self._failures.pop(key, None)

    def cancel_delayed(self, key: Key) -> None:
        """Drop a pass that was asked for at a later time."""
        self._schedule.cancel(("pass", key))

    def close(self) -> None:
        """Hand out no more keys."""
        self._closed = True
        self._wakeup.set()

    async def take(self) -> Key | None:
        """Wait for a key that needs a pass; it is the caller's until `done`. None: closed."""
        while not self._closed:
            while (key := self._next()) is not None:
                entry = self._entries.pop(key)
                self._count(key, -1)
                if self._needs_a_pass(entry):
                    self._active.add(key)
                    self._metrics.queue_taken(key.kind, self._clock.monotonic() - entry.since)
                    return key
            self._wakeup.clear()
            await self._wakeup.wait()
        return None

    def done(self, key: Key) -> None:
        """Give a key back after its pass; if it was added meanwhile, it gets another one."""
        self._active.discard(key)
        entry = self._entries.get(key)
        if entry is None:
            return
        if self._needs_a_pass(entry):
            self._line_up(key)
        else:
            del self._entries[key]
            self._count(key, -1)

    def _line_up(self, key: Key) -> None:
        self._ready.setdefault(key.kind, deque()).append(key)
        self._wakeup.set()

    def _next(self) -> Key | None:
        """Take the first key of the kind whose turn it is; the kind goes to the end of the line."""
        kind = next(iter(self._ready), None)
        if kind is None:
            return None
        keys = self._ready.pop(kind)
        key = keys.popleft()
        if keys:
            self._ready[kind] = keys
        return key

    def _needs_a_pass(self, entry: _Entry) -> bool:
        return entry.forced or not all(map(self._is_own, entry.versions))

    def _is_held(self, key: Key, version: Version) -> bool:
        def then() -> None:
            self.add(key, version)

        return self._seen.hold(version.uid, then) or self._seen.hold(version.named, then)

    def _is_own(self, version: Version) -> bool:
        return self._seen.is_own(version.uid, version.resource_version)

    def _count(self, key: Key, change: int) -> None:
        self._depths[key.kind] = self._depths.get(key.kind, 0) + change
        self._metrics.queue_depth(key.kind, self._depths[key.kind])
