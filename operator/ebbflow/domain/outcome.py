"""What a pass over one object came to: a value, not an exception."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from ebbflow.api.base import JsonObject, Resource
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


Then = Callable[[Resource | None], Awaitable[None]]
"""What follows from a pass once its status is written. It is given the object as it is stored then;
None where somebody changed it meanwhile. It may never happen: the next pass must ask for it again.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """One pass: the object as last read or written, the outcome, and the rest of its status.

    `status` holds the fields beside conditions, observedGeneration and lastHandledRequestedAt;
    a field that is missing there is removed from the object's status. `queue` holds fields of the
    queue's writer that go into the same write, if the object is still as observed; else they are
    left out, and `then` is given None. `then`: what follows.
    """

    observed: Resource
    outcome: Outcome
    status: JsonObject = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    then: Then | None = None
    queue: JsonObject = field(default_factory=dict)
