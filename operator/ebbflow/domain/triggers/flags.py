"""Ignore flags: words in commit messages that keep a change from starting anything."""

from __future__ import annotations

from collections.abc import Iterable

from ebbflow.api.gittrigger import IgnoreFlags
from ebbflow.domain.triggers.change import Commit


def flagged(rules: IgnoreFlags, commits: Iterable[Commit]) -> tuple[Commit, str] | None:
    """Return the first commit whose message holds a flag, and the flag; None if there is none.

    The commits are those that count: all of a push, the head alone of a pull request.
    """
    if not rules.enabled:
        return None
    return next(
        ((commit, flag) for commit in commits for flag in rules.flags if flag in commit.message),
        None,
    )
