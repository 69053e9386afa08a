"""GitAccounts: an event becomes a key in the work queue."""

from __future__ import annotations

import kopf

from ebbflow.api.base import GROUP, VERSION
from ebbflow.api.gitaccount import GitAccount
from ebbflow.handlers.events import Intake


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Watch GitAccounts."""
    kopf.on.event(GROUP, VERSION, GitAccount.declaration.plural, registry=registry)(
        intake.handler(GitAccount)
    )
