"""What `${refs.<trigger>.…}` gives in the runs of a trigger. Pure."""

from __future__ import annotations

from typing import Final

from ebbflow.api.gittrigger import GitTriggerSpec
from ebbflow.domain.triggers.change import Change, PullMove, RefMove, Values

_OF_REFS: Final = ("branch", "tag")
_OF_PULL_REQUESTS: Final = ("pullRequestId", "baseBranch", "title", "labels", "headRepository")


def no_values(spec: GitTriggerSpec) -> dict[str, str]:
    """Return what a run knows by a trigger that started it without any change of its repository.

    Every name that a trigger of any type can have is there, and empty: an expression that names
    one is no error only because of what happened, as several triggers may share their `ref`.
    """
    return _named(spec, Change(RefMove("", None, None)))


def values_of(spec: GitTriggerSpec, change: Change) -> Values:
    """Return the values of a change; those that it has nothing for are empty, as in `no_values`.

    A pull request's `branch` is its head branch.
    """
    return _named(spec, change) | _told(change)


def _named(spec: GitTriggerSpec, change: Change) -> dict[str, str]:
    """Return every name, with what changes of all kinds have."""
    head, move = change.head, change.move
    repository = spec.git.repository if spec.git else ""
    return dict.fromkeys((*_OF_REFS, *_OF_PULL_REQUESTS), "") | {
        "sha": move.after or "",
        "message": head.message if head else "",
        "author": head.author if head else "",
        "repoUrl": repository,
        "before": move.before or "",
    }


def _told(change: Change) -> dict[str, str]:
    match change.move:
        case RefMove() as move:
            return {"branch": move.branch or "", "tag": move.tag or ""}
        case PullMove(pull=pull):
            opener = {"author": pull.author} if pull.author else {}
            return opener | {
                "branch": pull.head_branch,
                "pullRequestId": str(pull.id),
                "baseBranch": pull.base_branch,
                "title": pull.title,
                "labels": ",".join(pull.labels),
                "headRepository": pull.head_repository,
            }
