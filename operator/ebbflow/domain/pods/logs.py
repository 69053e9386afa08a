"""What the cluster knows of pods beside their status: the port for logs and for warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ebbflow.domain.objects import Account, ObjectId


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a Pod."""

    namespace: str
    pod: str
    name: str


class PodLogs(Protocol):
    """Reads as the account that each call names. Every method raises ObjectError."""

    async def tail(self, container: Container, account: Account, *, ended: bool) -> str:
        """Return the end of a container's log as readable text without known secrets.

        However long the log is, a bounded part of it is asked for (TAIL_LINES, 64 KiB). Empty if
        the container wrote nothing. That of a container which has `ended` is read again, if it
        ends within a line, until it stays the same, for a few seconds at most: it may not all be
        on the node's disk yet. Any other is told as it is.
        """
        ...

    async def warning(self, about: ObjectId, account: Account) -> str:
        """Return the newest warning event about an object, in one line; empty if there is none."""
        ...
