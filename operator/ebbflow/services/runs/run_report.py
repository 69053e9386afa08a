"""What became of a Run, in the words of its status and of its source's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run, RunStatus
from ebbflow.api.template import LastRun, Template
from ebbflow.domain.runs.queue import FINAL_PHASES
from ebbflow.domain.runs.standing import standing
from ebbflow.domain.times import read_time

_SUSPENDED: Final = "; spec.suspend of the"


def queued(
    run: Run, place: int, before: str | None, now: datetime, *, suspended: bool = False
) -> RunStatus:
    """Say that the Run waits at `place` (from 1), behind the Run `before` that is under way.

    `suspended`: it waits for people to let its source go on.
    """
    message = f"Waits at place {place}" + (f"; {before} is under way" if before else "")
    if suspended:
        source = run.spec.source
        message += f"{_SUSPENDED} {source.kind} {source.name} is true: set it to false"
    return standing(run, "Queued", Reason.QUEUED, message, now, position=place)


def tells_suspension(status: RunStatus) -> bool:
    """Tell whether the words of a Run that waits say that its source is suspended."""
    return _SUSPENDED in (status.message or "")


def skipped(run: Run, reason: Reason, by: str | None, now: datetime) -> RunStatus:
    """Say that the Run will never run, and which Run (`by`) is the cause."""
    words = {
        Reason.FORBIDDEN: f"{by} was under way, and concurrencyPolicy is Forbid; start a Run when it has ended",
        Reason.QUEUE_FULL: f"as many Runs wait as queueLimit allows, {by} the last of them",
        Reason.SUPERSEDED: f"a newer Run was asked for{f': {by}' if by else ''}",
        Reason.HELD: f"automatic triggers are held back since {by}; annotate ebbflow.dev/resume to go on",
    }
    return standing(run, "Skipped", reason, words.get(reason, reason.help), now)


def source_missing(run: Run, now: datetime) -> RunStatus:
    """Say that there is nothing to run yet."""
    source = run.spec.source
    message = f"there is no {source.kind} {source.name} in {run.metadata.namespace}; create it"
    return standing(run, "Pending", Reason.SOURCE_NOT_FOUND, message, now)


def stopped(run: Run, why: str, replaced_by: str | None, now: datetime) -> RunStatus:
    """Say that the Run never began, because of this, or because of the Run in its place."""
    if replaced_by is not None:
        message = f"replaced by the Run {replaced_by}"
        return standing(run, "Cancelled", Reason.REPLACED, message, now)
    return standing(run, "Cancelled", Reason.CANCELLED, cancelled_because(why), now)


def cancelled_because(why: str) -> str:
    """Return the sentence that tells why a Run was stopped."""
    return f"Cancelled: {why}"


def fault_of_ours(run: Run, error: Exception, now: datetime) -> RunStatus:
    """Say that ebbflow itself failed at a Run that goes on once that is over.

    Of the error only its type is told: its text could hold anything.
    """
    message = (
        f"ebbflow failed at this Run ({type(error).__name__}); that is a fault of ebbflow. It tries "
        "again, ever seldomer: if that does not help, report it with the operator's log, or end the "
        "Run by spec.cancel"
    )
    phase = run.status.phase or "Pending"
    return standing(run, phase, Reason.INTERNAL_ERROR, message, now, position=run.status.position)


def failed(run: Run, reason: Reason, message: str, now: datetime) -> RunStatus:
    """Say that the Run failed as a whole, before or beside its nodes."""
    return standing(run, "Failed", reason, message, now)


def last_run(runs: Iterable[Run]) -> JsonObject:
    """Return what a parent's status says of the newest of its Runs that ended; empty without any.

    Those that run are in `active`: to tell how they stand as well would cost a write each.
    """
    shown = [run for run in runs if run.status.phase in FINAL_PHASES]
    if not shown:
        return {}
    newest = max(shown, key=lambda run: (run.status.started_at or "", run.metadata.name))
    said = LastRun(
        name=newest.metadata.name,
        phase=newest.status.phase or "Pending",
        finished_at=newest.status.finished_at,
    )
    return {"lastRun": said.dump()}


def is_newest(run: Run, parent: Template) -> bool:
    """Tell whether no Run that is known began later."""
    last = parent.status.last_run
    if last is None or last.name == run.metadata.name:
        return True
    began = run.status.started_at
    if began is None or last.finished_at is None:
        return False
    return read_time(last.finished_at) <= read_time(began)
