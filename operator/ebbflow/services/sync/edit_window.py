"""The commit window: edits that come shortly after one another are one commit."""

from __future__ import annotations

from datetime import timedelta

from ebbflow.api.base import Key
from ebbflow.domain.ports import Clock


class EditWindow:
    """Knows since when each object holds an edit that is not committed.

    The window begins with the first edit that is seen and does not move with later ones: a person
    who edits all the time gets a commit every `length`, not none. It lives in memory: after a
    restart an edit waits once more.
    """

    def __init__(self, clock: Clock, length: timedelta) -> None:
        self._clock = clock
        self._length = length.total_seconds()
        self._since: dict[Key, float] = {}

    def remaining(self, key: Key) -> timedelta:
        """Return how long an edit of the object has to wait for others; the first call opens the
        window.
        """
        now = self._clock.monotonic()
        since = self._since.setdefault(key, now)
        return timedelta(seconds=max(0.0, since + self._length - now))

    def close(self, key: Key) -> None:
        """Take note that the object holds no edit that is not committed, or that nobody waits."""
        self._since.pop(key, None)
