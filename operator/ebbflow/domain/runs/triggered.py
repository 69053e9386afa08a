"""What a Run was started by, kept on the Run from its creation on. Pure."""

from __future__ import annotations

import json
from typing import Final

from pydantic import ValidationError

from ebbflow.api.run import TRIGGER, TRIGGER_KEY, Run, RunTrigger, TriggerType
from ebbflow.api.template import Template
from ebbflow.domain.authorship import OPERATOR
from ebbflow.domain.effective import parent_of
from ebbflow.domain.run_store import owner_of
from ebbflow.domain.runs.creation import creator_of
from ebbflow.domain.runs.gate import Ours, Taken, claim_name
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.queue import run_fact

_BY_PEOPLE: Final[tuple[TriggerType, ...]] = ("Manual", "Rollback")
"""Triggers behind which there is always somebody."""


def trigger_note(trigger: RunTrigger) -> dict[str, str]:
    """Return the annotations of a Run that this trigger starts."""
    return {TRIGGER: json.dumps(trigger.dump(), separators=(",", ":"))}


def trigger_of(run: Run, key: bytes | None) -> RunTrigger:
    """Return what started the Run; `key` verifies the record of who made it.

    What people write into the annotations counts for nothing: a Run that the operator did not make
    is Manual, by its recorded maker.
    """
    creator = creator_of(key, run)
    if creator == OPERATOR:
        try:
            return RunTrigger.model_validate(json.loads(run.metadata.annotations[TRIGGER]))
        except (ValueError, ValidationError):
            creator = None
    return RunTrigger(type="Manual", actor=creator)


def claim(run: Run, parent: Template, key: TriggerKey) -> Ours | Taken:
    """Tell whether a Run that has the name of a trigger's is the one that the trigger made."""
    fact = run_fact(run, owner_of(run, parent.declaration.kind))
    noted = run.metadata.annotations.get(TRIGGER_KEY)
    return claim_name(parent_of(parent), key.digest, fact, noted)


def lacks_its_maker(trigger: RunTrigger | None) -> bool:
    """Tell whether somebody must have made the Run, and nobody knows who."""
    return trigger is None or (trigger.type in _BY_PEOPLE and trigger.actor is None)
