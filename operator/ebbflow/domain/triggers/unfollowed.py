"""Moves of what a trigger does not follow: people ask why a push to another branch started nothing.

They are compared with what the same process listed before, not with the status: the heads there are
those that match. So what moved while no operator ran has no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from ebbflow.api.gittrigger import MAX_REF, GitTriggerSpec
from ebbflow.domain.git import HEADS, TAGS
from ebbflow.domain.triggers.change import PullMove, PullRequest, RefMove
from ebbflow.domain.triggers.ledger import MAX_UNFOLLOWED
from ebbflow.domain.triggers.moves import follows
from ebbflow.domain.triggers.pulls import follows_pull


def prefixes_of(spec: GitTriggerSpec) -> tuple[str, ...]:
    """Return how the full names of all refs begin that a trigger has verdicts on."""
    match spec.type:
        case "Push":
            return (HEADS,)
        case "Tag":
            return (TAGS,)
        case "PullRequest" | "PullRequestLabel" | "Schedule" | "Webhook":
            return ()


def unfollowed_refs(
    spec: GitTriggerSpec, before: Mapping[str, str], now: Mapping[str, str]
) -> tuple[RefMove, ...]:
    """Return the moves of branches (or tags) that match no rule, the first few by name; none too long for a status.

    `before` and `now` are whole listings. One that is gone is not worth a line.
    """
    if before is now:
        return ()
    prefixes = prefixes_of(spec)
    moved = (
        ref
        for ref, sha in now.items()
        if before.get(ref) != sha
        and ref.startswith(prefixes)
        and len(ref) <= MAX_REF
        and not follows(spec, ref)
    )
    return tuple(RefMove(ref, before.get(ref), now[ref]) for ref in sorted(moved)[:MAX_UNFOLLOWED])


def unfollowed_pulls(
    spec: GitTriggerSpec, before: Mapping[str, str], now: Iterable[PullRequest]
) -> tuple[PullMove, ...]:
    """Return the moves of open pull requests that no rule follows, the first few.

    `before`: their heads by ref.
    """
    moved = (
        PullMove(pull, before.get(pull.ref))
        for pull in now
        if before.get(pull.ref) != pull.head_sha and not follows_pull(spec, pull)
    )
    return tuple(islice(moved, MAX_UNFOLLOWED))
