"""Templates: an event becomes a key in the work queue."""

from __future__ import annotations

import kopf

from ebbflow.api.base import GROUP, VERSION
from ebbflow.api.template import Template
from ebbflow.handlers.events import Intake


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Watch Templates."""
    kopf.on.event(GROUP, VERSION, Template.declaration.plural, registry=registry)(
        intake.handler(Template)
    )
