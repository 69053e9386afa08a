"""Where a Run stands, as its status says it: phase, reason, sentence, times, conditions. Pure.

The conditions follow kstatus (https://github.com/kubernetes-sigs/cli-utils, pkg/kstatus), so that
`kubectl wait --for=condition=Ready` and `--for=condition=Succeeded` both mean the same of a Run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from ebbflow.api.base import Condition
from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run, RunPhase, RunStatus
from ebbflow.domain.conditions import (
    MAX_MESSAGE,
    READY,
    RECONCILING,
    STALLED,
    SUCCEEDED,
    Status,
    clip,
    transition_time,
)
from ebbflow.domain.runs.queue import FINAL_PHASES
from ebbflow.domain.times import format_micro_time, read_time

_FAILED: Final[frozenset[RunPhase]] = frozenset(("Failed", "Cancelled", "Skipped"))


def standing(
    run: Run, phase: RunPhase, reason: Reason, message: str, now: datetime, **fields: Any
) -> RunStatus:
    """Return the status of a Run that now stands so; `fields` are more fields of the status.

    What is not named stays as it was, but for the position, which only a Run in the queue has.
    Equal to the old status where nothing changed, whatever the time.
    """
    before = run.status
    changes: dict[str, Any] = {
        "phase": phase,
        "reason": reason.value,
        "message": clip(message, MAX_MESSAGE),
        "position": None,
        "observed_generation": run.metadata.generation,
        "conditions": _conditions(run, phase, reason, message, now),
        **fields,
    }
    if phase in FINAL_PHASES and before.finished_at is None:
        changes["finished_at"] = format_micro_time(now)
        if before.started_at is not None:
            changes["duration"] = _elapsed(now - read_time(before.started_at))
    return before.model_copy(update=changes)


def _conditions(
    run: Run, phase: RunPhase, reason: Reason, message: str, now: datetime
) -> tuple[Condition, ...]:
    before = {condition.type: condition for condition in run.status.conditions}
    return tuple(
        Condition(
            type=type_,
            status=status,
            observed_generation=run.metadata.generation,
            last_transition_time=transition_time(before.get(type_), status, now),
            reason=reason.value,
            message=clip(message, MAX_MESSAGE),
        )
        for type_, status in _statuses(phase)
    )


def _statuses(phase: RunPhase) -> tuple[tuple[str, Status], ...]:
    if phase == "Succeeded":
        return ((READY, "True"), (SUCCEEDED, "True"))
    if phase in _FAILED:
        return ((READY, "False"), (SUCCEEDED, "False"), (STALLED, "True"))
    return ((READY, "Unknown"), (SUCCEEDED, "Unknown"), (RECONCILING, "True"))


def _elapsed(took: timedelta) -> str:
    """Write how long a Run took, for people: 0.42s, 3.1s, 2m05s, 1h02m."""
    seconds = max(0.0, took.total_seconds())
    if seconds < 10:  # noqa: PLR2004 - tenths matter below this
        return f"{seconds:.2f}s" if seconds < 1 else f"{seconds:.1f}s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"
