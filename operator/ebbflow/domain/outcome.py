"""What a pass over one object came to: a value, not an exception."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from ebbflow.api.base import JsonObject, Key, Resource
from ebbflow.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Done:
    """All is as it should be. `after`: look again then by yourself (None: only on an event)."""

    reason: Reason
    message: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not there yet; the operator tries again after `after` by itself."""

    reason: Reason
    message: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class Stalled:
    """A person has to act. `recheck`: how soon the cause may be found gone without an event."""

    reason: Reason
    message: str
    recheck: timedelta | None = None


Outcome = Done | Waiting | Stalled


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing to report yet: make another pass after `after`. The status stays as it is."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened once and deserves an event."""

    reason: Reason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """One pass: the object as last read or written, the outcome, and the rest of its status.

    `status` holds the fields beside conditions, observedGeneration and lastHandledRequestedAt;
    a field that is missing there is removed from the object's status. `then` are keys that need a
    pass once the status is written: one before would find it changing under its hands.
    """

    observed: Resource
    outcome: Outcome
    status: JsonObject = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    then: tuple[Key, ...] = ()
