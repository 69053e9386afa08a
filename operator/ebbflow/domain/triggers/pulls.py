"""Rules on pull requests: which a trigger follows, and which wait for something else than a commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ebbflow.api.gittrigger import APPROVE_FORK, GitTriggerSpec
from ebbflow.api.reasons import Reason
from ebbflow.domain.triggers.change import PullRequest
from ebbflow.domain.triggers.patterns import matches_any
from ebbflow.domain.triggers.verdict import Ignore


def approved_commits(annotations: Mapping[str, str]) -> frozenset[str]:
    """Return the commits of forks that may run, from the annotations of a trigger."""
    listed = annotations.get(APPROVE_FORK, "").split(",")
    return frozenset(sha.strip().lower() for sha in listed) - {""}


def follows_pull(spec: GitTriggerSpec, pull: PullRequest) -> bool:
    """Tell whether the trigger looks at the pull request at all: at its head branch."""
    match spec.type:
        case "PullRequest":
            return matches_any(spec.branches, pull.head_branch)
        case "PullRequestLabel":
            return not spec.branches or matches_any(spec.branches, pull.head_branch)
        case "Push" | "Tag" | "Schedule" | "Webhook":
            return False


def held_back(spec: GitTriggerSpec, pull: PullRequest, approved: Collection[str]) -> Ignore | None:
    """Return why it waits for something that needs no new commit; None if it waits for nothing."""
    return (
        _base(spec, pull)
        or _labels(spec, pull)
        or _draft(spec, pull)
        or _fork(spec, pull, frozenset(approved))
    )


def _base(spec: GitTriggerSpec, pull: PullRequest) -> Ignore | None:
    if not spec.base_branches or matches_any(spec.base_branches, pull.base_branch):
        return None
    return Ignore(
        Reason.BASE_BRANCH_NOT_MATCHED,
        f"it goes into {pull.base_branch}, which matches none of spec.baseBranches",
    )


def _labels(spec: GitTriggerSpec, pull: PullRequest) -> Ignore | None:
    if spec.type != "PullRequestLabel":
        return None
    if any(matches_any(spec.labels, label) for label in pull.labels):
        return None
    return Ignore(
        Reason.LABEL_NOT_MATCHED,
        "it has none of the labels in spec.labels; it fires when it gets one",
    )


def _draft(spec: GitTriggerSpec, pull: PullRequest) -> Ignore | None:
    if not (spec.ignore_drafts and pull.draft):
        return None
    return Ignore(Reason.DRAFT, "it is a draft; it fires when it is ready for review")


def _fork(spec: GitTriggerSpec, pull: PullRequest, approved: frozenset[str]) -> Ignore | None:
    if not pull.fork or spec.forks.allow or pull.head_sha.lower() in approved:
        return None
    return Ignore(
        Reason.FORK_NOT_APPROVED,
        f"it comes from {pull.head_repository or 'another repository'}; read its changes, then name "
        f"this commit to run it: {APPROVE_FORK}={pull.head_sha} as an annotation of the trigger",
    )
