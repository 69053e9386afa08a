"""What a pass over a GitTrigger came to, in the words of its status."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ebbflow.api.base import JsonObject
from ebbflow.api.gittrigger import MAX_HEADS, Delivery, GitTrigger, GitTriggerSpec
from ebbflow.api.reasons import Reason
from ebbflow.domain.git import GitError
from ebbflow.domain.outcome import Done, Notice, Outcome, Report, Stalled
from ebbflow.services import outcomes

_WAITS_FOR: dict[str, str] = {
    "Push": "pushes",
    "PullRequest": "pull requests",
    "PullRequestLabel": "labels of pull requests",
    "Tag": "tags",
    "Schedule": "its time",
    "Webhook": "calls of its webhook",
}


def suspended(trigger: GitTrigger) -> Report:
    """Report that nothing is looked at."""
    return Report(trigger, outcomes.SUSPENDED, kept(trigger))


def stalled(trigger: GitTrigger, reason: Reason, message: str, recheck: timedelta) -> Report:
    """Report what a person has to do first."""
    return Report(trigger, Stalled(reason, message, recheck), kept(trigger))


def git_failed(trigger: GitTrigger, error: GitError, interval: timedelta) -> Report:
    """Report that Git or its provider could not be asked, or refused."""
    return Report(trigger, outcomes.git_failed(error, interval), kept(trigger))


def watching(
    trigger: GitTrigger,
    fields: JsonObject,
    after: timedelta | None = None,
    *,
    left_out: int = 0,
    notices: tuple[Notice, ...] = (),
) -> Report:
    """Report that all is as it should be. `fields`: of the status, those that this pass decides."""
    return Report(
        trigger, _watching(trigger, after, left_out), {**kept(trigger), **fields}, notices
    )


def _watching(trigger: GitTrigger, after: timedelta | None, left_out: int) -> Outcome:
    spec = trigger.spec
    if left_out:
        return Stalled(
            Reason.TOO_MANY_REFS,
            f"{left_out} more match than the {MAX_HEADS:,} that a trigger can follow;"
            " name fewer in spec.branches or spec.tags",
            after,
        )
    if spec.paused:
        why = f" ({spec.paused_reason})" if spec.paused_reason else ""
        return Done(Reason.PAUSED, f"Paused{why}: set spec.paused to false to go on", after)
    if (field := _empty_rule(spec)) is not None:
        message = f"Nothing can start: spec.{field} is empty; name the {field} that count"
        return Done(Reason.WATCHING, message, after)
    return Done(Reason.WATCHING, f"Waits for {_WAITS_FOR[spec.type]}", after)


def _empty_rule(spec: GitTriggerSpec) -> str | None:
    """Return the rule without which nothing fires, if it is missing."""
    if spec.type in ("Push", "PullRequest") and not spec.branches:
        return "branches"
    if spec.type == "PullRequestLabel" and not spec.labels:
        return "labels"
    return None


def kept(trigger: GitTrigger) -> JsonObject:
    """Return the rest of the status as it was."""
    status = trigger.status.dump()
    common = ("conditions", "observedGeneration", "lastHandledRequestedAt")
    return {field: value for field, value in status.items() if field not in common}


def with_deliveries(deliveries: Iterable[Delivery]) -> JsonObject:
    """Return the field of the status that holds the verdicts."""
    return {"deliveries": [delivery.dump() for delivery in deliveries]}
