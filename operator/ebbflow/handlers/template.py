"""Templates: an event becomes a key in the work queue."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

import kopf

from ebbflow.adapters.kube.parsing import parse
from ebbflow.api.base import GROUP, VERSION, Key
from ebbflow.api.template import Template
from ebbflow.domain.ports import InvalidObject
from ebbflow.domain.run_store import SOURCE_FINALIZER
from ebbflow.domain.runs.queue import queue_key
from ebbflow.handlers.events import Intake
from ebbflow.services.sync.first_sights import FirstSights


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Watch Templates, and keep what is seen of new ones for their first pass."""
    kopf.on.event(GROUP, VERSION, Template.declaration.plural, registry=registry)(
        intake.handler(Template, queue_of, sees=partial(see, intake.sights))
    )


def see(sights: FirstSights, kind: str | None, body: kopf.Body) -> None:
    """Keep a new Template as an event of the `kind` shows it; drop what does not hold any more."""
    status = body.status
    if kind != "DELETED" and not (status.get("sync") or body.spec.get("document")):
        with suppress(InvalidObject):  # its pass reads it, and reports
            sights.see(parse(Template, dict(body)))
            return
    namespace = body.metadata.get("namespace") or ""
    sights.forget(Key("Template", namespace, body.metadata["name"]))


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
