"""The one decision of a trigger on a change, for polls and webhooks alike. Pure."""

from __future__ import annotations

from collections.abc import Collection

from ebbflow.api.gittrigger import GitTriggerSpec
from ebbflow.api.reasons import Reason
from ebbflow.domain.triggers.change import Change, Commit, PullMove, RefMove
from ebbflow.domain.triggers.flags import flagged
from ebbflow.domain.triggers.moves import follows
from ebbflow.domain.triggers.paths import met
from ebbflow.domain.triggers.pulls import follows_pull, held_back
from ebbflow.domain.triggers.values import values_of
from ebbflow.domain.triggers.verdict import Decision, Fire, Ignore


def decide(spec: GitTriggerSpec, change: Change, approved: Collection[str] = ()) -> Decision:
    """Decide on a change by the rules of a trigger.

    `approved`: the commits of forks that may run (`approved_commits`). The first rule that speaks
    against it gives the reason, in the order: is the ref gone, is it followed, is the trigger
    paused, do labels, drafts and forks allow it, is there a flag, do the files count. Raises
    ValueError for path patterns that cannot be read (`check_patterns`).
    """
    return (
        _gone(change)
        or _not_followed(spec, change)
        or _paused(spec)
        or _held(spec, change, approved)
        or _flagged(spec, change)
        or _paths(spec, change)
        or Fire(values_of(spec, change))
    )


def _gone(change: Change) -> Ignore | None:
    if change.move.after is not None:
        return None
    return Ignore(Reason.REF_DELETED, f"{change.move.ref} was deleted, which starts nothing")


def _not_followed(spec: GitTriggerSpec, change: Change) -> Ignore | None:
    match change.move:
        case RefMove(ref=ref):
            if follows(spec, ref):
                return None
            return _no_such_ref(spec, ref)
        case PullMove(pull=pull):
            if follows_pull(spec, pull):
                return None
            return Ignore(
                Reason.BRANCH_NOT_MATCHED,
                f"its head branch {pull.head_branch} matches none of spec.branches",
            )


def _no_such_ref(spec: GitTriggerSpec, ref: str) -> Ignore:
    match spec.type:
        case "Tag":
            return Ignore(Reason.TAG_NOT_MATCHED, f"{ref} is no tag that matches spec.tags")
        case "Push" | "PullRequest" | "PullRequestLabel" | "Schedule" | "Webhook":
            none = "" if spec.branches else ", which is empty: name the branches that count"
            return Ignore(
                Reason.BRANCH_NOT_MATCHED, f"{ref} is no branch that matches spec.branches{none}"
            )


def paused_words(spec: GitTriggerSpec) -> str | None:
    """Return that a trigger is paused, and why, for whoever asks why nothing started; None: not."""
    if not spec.paused:
        return None
    why = f" ({spec.paused_reason})" if spec.paused_reason else ""
    return f"the trigger is paused{why}: spec.paused"


def _paused(spec: GitTriggerSpec) -> Ignore | None:
    words = paused_words(spec)
    return None if words is None else Ignore(Reason.TRIGGER_PAUSED, words)


def _held(spec: GitTriggerSpec, change: Change, approved: Collection[str]) -> Ignore | None:
    match change.move:
        case PullMove(pull=pull):
            return held_back(spec, pull, approved)
        case RefMove():
            return None


def _flagged(spec: GitTriggerSpec, change: Change) -> Ignore | None:
    found = flagged(spec.ignore_flags, _counting(change))
    if found is None:
        return None
    commit, flag = found
    return Ignore(Reason.IGNORE_FLAG, f"the message of commit {commit.sha[:12]} holds {flag}")


def _counting(change: Change) -> tuple[Commit, ...]:
    """Return the commits whose messages count."""
    match change.move:
        case RefMove():
            return change.commits
        case PullMove():
            return (change.head,) if change.head else ()


def _paths(spec: GitTriggerSpec, change: Change) -> Ignore | None:
    if met(spec.paths, change.paths):
        return None
    mode = spec.paths.mode if spec.paths else "Ignore"
    some = ", ".join((change.paths or ())[:3]) or "none"
    words = "every changed file is ignored" if mode == "Ignore" else "no changed file is allowed"
    return Ignore(Reason.PATHS_NOT_MATCHED, f"{words} by spec.paths (changed: {some})")
