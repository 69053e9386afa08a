"""What the rules of a trigger come to."""

from __future__ import annotations

from dataclasses import dataclass

from ebbflow.api.reasons import Reason
from ebbflow.domain.triggers.change import Values


@dataclass(frozen=True, slots=True)
class Fire:
    """The trigger fires; `values` are what `${refs.<trigger>.…}` gives in the run."""

    values: Values
    reason: Reason = Reason.RULES_MET
    message: str = ""


@dataclass(frozen=True, slots=True)
class Ignore:
    """The trigger does not fire; the message says why, and what would make it fire."""

    reason: Reason
    message: str


Decision = Fire | Ignore
