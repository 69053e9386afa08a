"""Triggers and pull requests for tests of the rules."""

from __future__ import annotations

from typing import Any

from ebbflow.api.gittrigger import GitTriggerSpec
from ebbflow.domain.triggers.change import PullRequest

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
MAIN = "refs/heads/main"


def spec(type_: str = "Push", **fields: Any) -> GitTriggerSpec:
    """A trigger of a Template; pushes and pull requests of main and release/*, if not said."""
    globs = {"branches": ["main", "release/*"]} if type_ in ("Push", "PullRequest") else {}
    git = {"repository": "https://git.acme.dev/shop"}
    targets = [{"kind": "Template", "name": "shop"}]
    return GitTriggerSpec.model_validate(
        {"type": type_, "git": git, "targets": targets, **globs, **fields}
    )


def pull(id_: int = 12, sha: str = A, **fields: Any) -> PullRequest:
    """A pull request of the branch release/1 into main."""
    given: dict[str, Any] = {"head_branch": "release/1", "base_branch": "main", **fields}
    return PullRequest(id=id_, head_sha=sha, **given)
