"""What became of a Run, in the words of its status."""

from __future__ import annotations

from datetime import datetime

from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run, RunStatus
from ebbflow.domain.runs.standing import standing


def queued(
    run: Run, place: int, before: str | None, now: datetime, *, suspended: bool = False
) -> RunStatus:
    """Say that the Run waits at `place` (from 1), behind the Run `before` that is under way.

    `suspended`: it waits for people to let its source go on.
    """
    message = f"Waits at place {place}" + (f"; {before} is under way" if before else "")
    if suspended:
        source = run.spec.source
        message += f"; spec.suspend of the {source.kind} {source.name} is true: set it to false"
    return standing(run, "Queued", Reason.QUEUED, message, now, position=place)


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


def cancelled(run: Run, why: str, now: datetime) -> RunStatus:
    """Say that the Run was stopped, or never began, because of this."""
    return standing(run, "Cancelled", Reason.CANCELLED, f"Cancelled: {why}", now)


def failed(run: Run, reason: Reason, message: str, now: datetime) -> RunStatus:
    """Say that the Run failed as a whole, before or beside its nodes."""
    return standing(run, "Failed", reason, message, now)
