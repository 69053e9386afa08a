"""What every kind's handler does with an event: put keys into the work queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import kopf

from ebbflow.api.base import Key, Resource
from ebbflow.handlers.workqueue import Version, WorkQueue
from ebbflow.services.sync.first_sights import FirstSights

Others = Callable[[kopf.Body], Iterable[Key]]
"""Which keys beside the object's own an event of the object is news for."""


Concerns = Callable[[kopf.Body], bool]
"""Whether an event of an object is news for the object's own key."""


Sees = Callable[[str | None, kopf.Body], None]
"""Takes note of what an event shows of an object: its type, and the object."""


def sees_nothing(_type: str | None, _body: kopf.Body) -> None:
    """Take note of nothing."""


def always(_: kopf.Body) -> bool:
    """Whatever the event shows."""
    return True


def nobody_else(_: kopf.Body) -> Iterable[Key]:
    """No other key."""
    return ()


class Intake:
    """Turns events into keys; objects of namespaces that another shard serves are left out.

    `sights` is what events show of new Templates.
    """

    def __init__(
        self, queue: WorkQueue, serves: Callable[[str], bool], sights: FirstSights
    ) -> None:
        self.sights = sights
        self._queue = queue
        self._serves = serves

    def handler(
        self,
        kind: type[Resource],
        others: Others = nobody_else,
        concerns: Concerns = always,
        sees: Sees = sees_nothing,
    ) -> Callable[..., Awaitable[None]]:
        """Return the kopf handler for a kind.

        Versions that we wrote ourselves make no pass, neither over the object nor over `others`; a
        deletion always does.
        """

        async def on_event(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
            metadata = body.metadata
            namespace = metadata.get("namespace") or ""
            if not self._serves(namespace):
                return
            sees(type, body)
            version = None
            own = Key(kind.declaration.kind, namespace, metadata["name"])
            if type != "DELETED":
                version = Version(metadata["uid"], metadata["resourceVersion"], str(own))
            news = type == "DELETED" or concerns(body)
            for key in (*((own,) if news else ()), *others(body)):
                self._queue.add(key, version)

        on_event.__name__ = f"{kind.declaration.singular}_event"
        return on_event
