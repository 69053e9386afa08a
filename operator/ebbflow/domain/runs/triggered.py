"""What a Run was started by, kept on the Run from its creation on. Pure."""

from __future__ import annotations

import json
from typing import Final

from pydantic import ValidationError

from ebbflow.api.base import GROUP
from ebbflow.api.run import TRIGGER_KEY, Run, RunTrigger

TRIGGER: Final = f"{GROUP}/trigger"
"""The annotation that becomes `status.trigger` when the Run begins."""


def trigger_note(trigger: RunTrigger) -> dict[str, str]:
    """Return the annotations of a Run that this trigger starts."""
    return {TRIGGER: json.dumps(trigger.dump(), separators=(",", ":"))}


def trigger_of(run: Run) -> RunTrigger:
    """Return what started the Run. What people write into the annotation counts for nothing."""
    text = run.metadata.annotations.get(TRIGGER)
    if text is None or TRIGGER_KEY not in run.metadata.annotations:
        return RunTrigger(type="Manual")
    try:
        return RunTrigger.model_validate(json.loads(text))
    except (ValueError, ValidationError):
        return RunTrigger(type="Manual")
