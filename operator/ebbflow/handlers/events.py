"""What every kind's handler does with an event: put the object's key into the work queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from ebbflow.api.base import Key, Resource
from ebbflow.handlers.workqueue import Version, WorkQueue


class Intake:
    """Turns events into keys; objects of namespaces that another shard serves are left out."""

    def __init__(self, queue: WorkQueue, serves: Callable[[str], bool]) -> None:
        self._queue = queue
        self._serves = serves

    def handler(self, kind: type[Resource]) -> Callable[..., Awaitable[None]]:
        """Return the kopf handler for a kind."""

        async def on_event(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
            metadata = body.metadata
            namespace = metadata.get("namespace") or ""
            if not self._serves(namespace):
                return
            key = Key(kind.declaration.kind, namespace, metadata["name"])
            if type == "DELETED":
                self._queue.add(key)
            else:
                self._queue.add(key, Version(metadata["uid"], metadata["resourceVersion"]))

        on_event.__name__ = f"{kind.declaration.singular}_event"
        return on_event
