"""From the outcome of a pass to the status that the object should show.

The conditions follow kstatus (https://github.com/kubernetes-sigs/cli-utils, pkg/kstatus): `Ready`
is always there; `Reconciling` and `Stalled` are there only while they are True. How to report is
written down in docs/contributing/writing-status.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal, assert_never

from ebbflow.api.base import GROUP, Condition, JsonObject, Resource
from ebbflow.api.crd import UNSEEN
from ebbflow.api.reasons import Reason
from ebbflow.domain.outcome import Done, Notice, Outcome, Report, Stalled, Waiting

READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
REQUESTED_AT: Final = f"{GROUP}/requested-at"

MAX_MESSAGE: Final = 4096
"""Characters of a condition's message. The API conventions allow 32,768; nobody reads those."""

MAX_TOKEN: Final = 1024
"""Characters of lastHandledRequestedAt, as the CRD bounds them."""

SUCCEEDED: Final = "Succeeded"

_OWN_TYPES: Final = (READY, SUCCEEDED, RECONCILING, STALLED)
_QUEUE_FIELDS: Final = ("active", "queue", "recent", "fence", "hold", "lastRun", "inventory")
_RECEIVERS_FIELDS: Final = ("webhooks",)

Status = Literal["True", "False", "Unknown"]


def conditions(
    outcome: Outcome, previous: Iterable[Condition], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions that say `outcome` about `generation`.

    A condition whose status did not change keeps its lastTransitionTime from `previous`.
    """
    before = {condition.type: condition for condition in previous}
    return tuple(
        Condition(
            type=type_,
            status=status,
            observed_generation=generation,
            last_transition_time=transition_time(before.get(type_), status, now),
            reason=outcome.reason.value,
            message=clip(outcome.message, MAX_MESSAGE),
        )
        for type_, status in _statuses(outcome)
    )


def _statuses(outcome: Outcome) -> tuple[tuple[str, Status], ...]:
    match outcome:
        case Done():
            return ((READY, "True"),)
        case Waiting(reason=Reason.PROGRESSING):
            # Nothing went wrong: the answer is not known yet. The first touch looks like this.
            return ((READY, "Unknown"), (RECONCILING, "True"))
        case Waiting():
            return ((READY, "False"), (RECONCILING, "True"))
        case Stalled():
            return ((READY, "False"), (STALLED, "True"))
        case _:
            assert_never(outcome)


def transition_time(before: Condition | None, status: Status, now: datetime) -> str:
    """Return since when a condition has its status. What the API server filled in never counts: it
    has no time.
    """
    known = before is not None and before.last_transition_time != UNSEEN["lastTransitionTime"]
    if before is not None and known and before.status == status:
        return before.last_transition_time
    return format_time(now)


def format_time(moment: datetime) -> str:
    """Write a moment as the Kubernetes API does: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`; an ellipsis shows that there was more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def wished_status(report: Report, now: datetime) -> JsonObject:
    """Return the whole status that the status writer owns, in wire form, as the report wants it.

    `active`, `queue` and what goes with them, and `sync.pendingWrite` are never in it: they belong to the queue's writer,
    and a forced apply of an older value would undo a newer one. Nor is `webhooks`, which any replica writes.
    """
    observed = report.observed
    generation = observed.metadata.generation
    wished = dict(report.status)
    wished["conditions"] = [
        condition.dump()
        for condition in conditions(report.outcome, observed.status.conditions, generation, now)
    ]
    wished["observedGeneration"] = generation
    wished["lastHandledRequestedAt"] = _handled(report)
    return owned_status(wished)


def requested(of: Resource) -> str | None:
    """Return the token by which somebody asks for a pass over an object, as its answer would hold
    it; None where nobody asks.
    """
    token = of.metadata.annotations.get(REQUESTED_AT)
    return None if token is None else clip(token, MAX_TOKEN)


def is_requested(of: Resource) -> bool:
    """Tell whether somebody asks for a pass by annotation and has had no answer."""
    return requested(of) not in (None, of.status.last_handled_requested_at)


def _handled(report: Report) -> str | None:
    """The token that this pass answers: the annotation now, else what was answered before."""
    under_way = isinstance(report.outcome, Waiting) and report.outcome.reason is Reason.PROGRESSING
    token = requested(report.observed)
    if token is None or under_way:
        return report.observed.status.last_handled_requested_at
    return token


def owned_status(status: JsonObject) -> JsonObject:
    """Return the status writer's part of a status in wire form, in one canonical shape.

    Two statuses that are equal in this shape need no write: nulls and what others own are left
    out, and the conditions are in the order of their types.
    """
    own: JsonObject = {
        key: _without_nulls(value)
        for key, value in status.items()
        if value is not None and key not in (*_QUEUE_FIELDS, *_RECEIVERS_FIELDS)
    }
    if isinstance(own.get("sync"), dict):
        own["sync"].pop("pendingWrite", None)
        if not own["sync"]:
            del own["sync"]
    own["conditions"] = sorted(
        (entry for entry in own.get("conditions", ()) if entry.get("type") in _OWN_TYPES),
        key=lambda entry: _OWN_TYPES.index(entry["type"]),
    )
    return own


def foreign_conditions(status: JsonObject) -> list[JsonObject]:
    """Return the conditions in a status that others than the operator put there."""
    return [entry for entry in status.get("conditions", ()) if entry.get("type") not in _OWN_TYPES]


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nulls(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return [_without_nulls(item) for item in value]
        case _:
            return value


def ready_transition(report: Report) -> Notice | None:
    """Return what to announce when Ready changed its status or reason with this pass, else None.

    Going to Unknown is no news: the operator has just begun to look. Nor is that all is well where
    nothing was wrong before: the condition says so, and of a thousand new objects each event is a
    request more.
    """
    status = dict(_statuses(report.outcome))[READY]
    reason = report.outcome.reason
    before = next((c for c in report.observed.status.conditions if c.type == READY), None)
    if status == "Unknown" or (before and (before.status, before.reason) == (status, reason.value)):
        return None
    if status == "True" and (before is None or before.status == "Unknown"):
        return None
    return Notice(reason, report.outcome.message, warning=status == "False")
