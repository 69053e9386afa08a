"""GitTriggers: an event becomes a key in the work queue."""

from __future__ import annotations

import kopf

from ebbflow.api.base import GROUP, VERSION
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.handlers.events import Intake


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Watch GitTriggers."""
    kopf.on.event(GROUP, VERSION, GitTrigger.declaration.plural, registry=registry)(
        intake.handler(GitTrigger)
    )
