"""What `${refs.<trigger>.…}` gives in the runs of a trigger. Pure."""

from __future__ import annotations

from ebbflow.api.gittrigger import GitTriggerSpec
from ebbflow.domain.triggers.change import Change, PullMove, RefMove, Values


def values_of(spec: GitTriggerSpec, change: Change) -> Values:
    """Return the values of a change: every name that a trigger of its type can have.

    Those that a change has nothing for are empty, so that an expression that names one is no
    error only because of what happened. A pull request's `branch` is its head branch.
    """
    head, move = change.head, change.move
    repository = spec.git.repository if spec.git else ""
    common = {
        "sha": move.after or "",
        "message": head.message if head else "",
        "author": head.author if head else "",
        "repoUrl": repository,
        "before": move.before or "",
    }
    match move:
        case RefMove():
            return common | {"branch": move.branch or "", "tag": move.tag or ""}
        case PullMove(pull=pull):
            return common | {
                "branch": pull.head_branch,
                "tag": "",
                "pullRequestId": str(pull.id),
                "baseBranch": pull.base_branch,
                "title": pull.title,
                "labels": ",".join(pull.labels),
                "author": pull.author or common["author"],
                "headRepository": pull.head_repository,
            }
