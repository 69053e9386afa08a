"""From two commits to what lies between them, with as few requests as the server's answers allow."""

from __future__ import annotations

from typing import Final

from ebbflow.adapters.git.cache import ObjectCache
from ebbflow.adapters.git.history import (
    Between,
    changed_paths,
    commits_between,
    merge_base,
    read_note,
)
from ebbflow.adapters.git.repository import RENEWALS, Repository
from ebbflow.adapters.git.trees import LookUp
from ebbflow.domain.git import (
    MAX_CHANGED_PATHS,
    Changes,
    CommitGone,
    CommitId,
    CommitNote,
    TooLarge,
)

MAX_COMMITS: Final = 1000
"""Commits of one change that are told."""

FEW: Final = 32
"""Commits that are asked for at first: most pushes have fewer."""

_Told = tuple[CommitNote, frozenset[str] | None, Between]


async def changes_of(repository: Repository, before: CommitId | None, after: CommitId) -> Changes:
    """Return what lies between two commits.

    None of it costs a request where both are here and nothing is between them; a push of one
    commit costs one fetch, another one a listing of commits too.

    Raises GitError; KeyError where the server did not send all that belongs to a commit.
    """
    told = None if before is None else await _compare(repository, before, after)
    if before is None or told is None:
        head = await repository.at(after, lambda cache: read_note(cache.get, after))
        return Changes(head, None, (head,))
    head, paths, between = told
    if between.whole:
        commits = await repository.peek(lambda cache: _notes(cache.get, between))
    else:
        commits = await _listed(repository, before, after)
    return Changes(head, paths, commits)


async def merge_base_of(repository: Repository, one: CommitId, other: CommitId) -> CommitId | None:
    """Return the newest commit that both are made of; None if there is none, or one is gone.

    Raises GitError.
    """
    try:
        for depth in (FEW, repository.limits.history):
            found = await repository.with_history(
                (one, other), depth, lambda look_up: merge_base(look_up, one, other)
            )
            if found is not None:
                return found
    except CommitGone:
        pass
    return None


async def _compare(repository: Repository, before: CommitId, after: CommitId) -> _Told | None:
    """Compare the trees of two commits; None if the server no longer has the first."""

    def compare(cache: ObjectCache) -> _Told | None:
        head = read_note(cache.get, after)
        if not cache.has(before):
            return None
        try:
            paths = changed_paths(cache.reader(before), cache.reader(after), MAX_CHANGED_PATHS)
        except TooLarge:
            paths = None
        return head, paths, commits_between(cache.get, before, after, MAX_COMMITS)

    for _ in range(RENEWALS):
        try:
            # First, so that only what changed since is fetched then.
            await repository.at(before, lambda _: None)
        except CommitGone:
            return None
        told = await repository.at(after, compare)
        if told is not None:
            return told
    return None


async def _listed(
    repository: Repository, before: CommitId, after: CommitId
) -> tuple[CommitNote, ...]:
    """Ask the server for commits: a few, and if `before` is not among them, many of both."""

    def few(look_up: LookUp) -> tuple[CommitNote, ...] | None:
        between = commits_between(look_up, before, after, MAX_COMMITS)
        return _notes(look_up, between) if between.whole else None

    def many(look_up: LookUp) -> tuple[CommitNote, ...]:
        return _notes(look_up, commits_between(look_up, before, after, MAX_COMMITS))

    found = await repository.with_history((after,), FEW, few)
    if found is not None:
        return found
    return await repository.with_history((after, before), repository.limits.history, many)


def _notes(look_up: LookUp, between: Between) -> tuple[CommitNote, ...]:
    return tuple(read_note(look_up, sha) for sha in between.commits)
