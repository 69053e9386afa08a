"""Templates: an event becomes a key in the work queue."""

from __future__ import annotations

from collections.abc import Iterable

import kopf

from ebbflow.api.base import GROUP, VERSION, Key
from ebbflow.api.template import Template
from ebbflow.domain.run_store import SOURCE_FINALIZER
from ebbflow.handlers.events import Intake
from ebbflow.services.run_queue import queue_key


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Watch Templates."""
    kopf.on.event(GROUP, VERSION, Template.declaration.plural, registry=registry)(
        intake.handler(Template, queue_of)
    )


def queue_of(body: kopf.Body) -> Iterable[Key]:
    """Return the key of the Template's queue if the change is one that the queue must act on."""
    metadata, spec, status = body.metadata, body.spec, body.status
    held = SOURCE_FINALIZER in metadata.get("finalizers", ())
    ends = held and metadata.get("deletionTimestamp")
    holds = held != (spec.get("deletionPolicy") == "Delete")
    # Its policy may be another now, or it is suspended no longer.
    if ends or holds or status.get("queue"):
        namespace = metadata.get("namespace") or ""
        yield queue_key(Key("Template", namespace, metadata["name"]))
