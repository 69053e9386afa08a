"""What a Run was started by, kept on the Run from its creation on. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from ebbflow.api.run import TRIGGER, TRIGGER_KEY, Run, RunTrigger, TriggerType
from ebbflow.api.template import Template
from ebbflow.domain.authorship import OPERATOR
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.effective import parent_of
from ebbflow.domain.run_store import owner_of
from ebbflow.domain.runs.creation import creator_of
from ebbflow.domain.runs.gate import Ours, Taken, claim_name
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.queue import run_fact

_BY_PEOPLE: Final[tuple[TriggerType, ...]] = ("Manual", "Rollback")
"""Triggers behind which there is always somebody."""


_REFS: Final = "refs"
"""The key, beside those of `status.trigger`, under which the annotation holds values."""

MAX_VALUES: Final = 64 * 1024
"""Bytes of what a trigger gives a Run; annotations have 256 KiB in all."""


class TooManyValues(Exception):
    """What a trigger would give a Run is too large to be kept on it."""


def trigger_note(trigger: RunTrigger, refs: Mapping[str, Json] | None = None) -> dict[str, str]:
    """Return the annotations of a Run that this trigger starts.

    `refs`: what `${refs.NAME…}` gives in it, by name. They are told where the signed trigger is, so
    that nobody else can have written them. Raises TooManyValues.
    """
    told = trigger.dump()
    if refs:
        told[_REFS] = refs
    text = json.dumps(told, separators=(",", ":"))
    if len(text) > MAX_VALUES:
        raise TooManyValues(f"the values for the run have {len(text)} bytes, over {MAX_VALUES}")
    return {TRIGGER: text}


def refs_of(run: Run, key: bytes | None) -> dict[str, Json]:
    """Return what its trigger gave the Run: values by name; nothing if we did not make it."""
    if creator_of(key, run) != OPERATOR:
        return {}
    try:
        refs = json.loads(run.metadata.annotations[TRIGGER]).get(_REFS)
    except (ValueError, AttributeError):
        return {}
    return refs if isinstance(refs, dict) else {}


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
