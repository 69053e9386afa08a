"""Runs: an event becomes two keys in the work queue, the Run's and that of its parent's queue."""

from __future__ import annotations

from collections.abc import Iterable

import kopf

from ebbflow.api.base import GROUP, VERSION, Key
from ebbflow.api.run import RUN_FINALIZER, Run
from ebbflow.domain.conditions import REQUESTED_AT
from ebbflow.domain.runs.queue import STARTED_PHASES, queue_key
from ebbflow.handlers.events import Intake


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Watch Runs."""
    kopf.on.event(GROUP, VERSION, Run.declaration.plural, registry=registry)(
        intake.handler(Run, queue_of, is_under_way)
    )


def is_under_way(body: kopf.Body) -> bool:
    """Tell whether there is anything to do for a Run itself: not before its parent's queue took it
    in, nor while it waits there, nor after that has let it go. A Run of what has no queue is told so,
    and who asks by annotation gets an answer.
    """
    held = RUN_FINALIZER in body.metadata.get("finalizers", ())
    phase = body.status.get("phase")
    # The queue wakes it when its turn comes, or when it is cancelled or deleted while it waits.
    waits = phase == "Queued"
    # One that was cut short before it had to wait is not held yet.
    begun = phase in STARTED_PHASES
    return (held and not waits) or begun or not list(queue_of(body)) or _is_asked_for(body)


def _is_asked_for(body: kopf.Body) -> bool:
    """Tell whether somebody asks for a pass by annotation and has had no answer."""
    token = body.metadata.get("annotations", {}).get(REQUESTED_AT)
    return token not in (None, body.status.get("lastHandledRequestedAt"))


def queue_of(body: kopf.Body) -> Iterable[Key]:
    """Return the key of the queue that a Run is for; none for Runs of what has no queue."""
    source = body.spec.get("source") or {}
    if source.get("kind") == "Template" and source.get("name"):
        namespace = body.metadata.get("namespace") or ""
        yield queue_key(Key("Template", namespace, source["name"]))
