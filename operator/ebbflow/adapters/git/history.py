"""What lies between two commits: which files differ, and which commits were added. No file is read."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from dulwich.objects import Commit, ShaFile, Tree

from ebbflow.adapters.git.packs import Oversized
from ebbflow.adapters.git.trees import COMMIT, DIRECTORY, LookUp, TreeReader, parents_of
from ebbflow.domain.git import MAX_NOTE, CommitId, CommitNote, NotACommit, Signature

MAX_WALK: Final = 20_000
"""Commits that are looked at to find those of one change."""


@dataclass(frozen=True, slots=True)
class Between:
    """Commits that one commit is made of and another is not, newest first.

    `whole`: no parent was missing on the way, so that these are all of them.
    """

    commits: tuple[CommitId, ...]
    whole: bool


def read_note(look_up: LookUp, sha: CommitId) -> CommitNote:
    """Return what a commit says of itself. Raises KeyError: it is not here; NotACommit."""
    commit = _commit(look_up, sha)
    if commit is None:
        raise NotACommit(
            f"{sha[:12]} is no commit that can be read: a reference points at something else,"
            " such as a tag of a file. Delete the reference, or keep the trigger's patterns from it."
        )
    return CommitNote(sha, _text(commit.message)[:MAX_NOTE], Signature.parse(_text(commit.author)))


def merge_base(look_up: LookUp, one: CommitId, other: CommitId) -> CommitId | None:
    """Return the commit nearest to `other` that `one` is made of too; None if there is none here."""
    known = _ancestry(look_up, one)
    seen, layer = {other}, [other]
    while layer and len(seen) < MAX_WALK:
        common = next((sha for sha in layer if sha in known), None)
        if common is not None:
            return common
        parents = {parent for child in layer for parent in parents_of(look_up, child)}
        layer = sorted(parents - seen)
        seen.update(layer)
    return None


def commits_between(look_up: LookUp, before: CommitId, after: CommitId, limit: int) -> Between:
    """Return the commits that `after` is made of and `before` is not, `limit` of them at most."""
    known = _ancestry(look_up, before)
    found: list[CommitId] = []
    whole = True
    seen = {after}
    newest: list[tuple[int, CommitId]] = []
    if after not in known:
        heapq.heappush(newest, (0, after))
    while newest:
        _, sha = heapq.heappop(newest)
        commit = _commit_or_none(look_up, sha)
        if commit is None or len(found) == limit:
            whole = False
            continue
        found.append(sha)
        for parent in (one.decode() for one in commit.parents):
            if parent not in known and parent not in seen:
                seen.add(parent)
                heapq.heappush(newest, (-_time(look_up, parent), parent))
    return Between(tuple(found), whole)


def changed_paths(old: TreeReader, new: TreeReader, limit: int) -> frozenset[str] | None:
    """Return the files that differ between two commits; None if there are more than `limit`.

    A file whose mode changed differs, and so do links and submodules that point elsewhere.
    Raises KeyError: a tree is not here; TooLarge: a directory is over the limit.
    """
    found: set[str] = set()
    for path in _differences(old, new, old.root, new.root, ""):
        found.add(path)
        if len(found) > limit:
            return None
    return frozenset(found)


def _differences(
    old: TreeReader, new: TreeReader, before: str | None, after: str | None, where: str
) -> Iterator[str]:
    """Yield the paths of files that differ below two trees; None: there is no such directory."""
    if before == after:
        return
    there, here = _entries(old, before), _entries(new, after)
    for name in there.keys() | here.keys():
        was, is_ = there.get(name), here.get(name)
        if was == is_:
            continue
        path = f"{where}{name.decode('utf-8', 'replace')}"
        left, right = _directory(was), _directory(is_)
        if left or right:
            yield from _differences(old, new, left, right, f"{path}/")
        if any(entry is not None and entry[0] != DIRECTORY for entry in (was, is_)):
            yield path


def _directory(entry: tuple[int, str] | None) -> str | None:
    return entry[1] if entry is not None and entry[0] == DIRECTORY else None


def _entries(reader: TreeReader, sha: str | None) -> dict[bytes, tuple[int, str]]:
    tree: Tree | None = None if sha is None else reader.tree(sha)
    if tree is None:
        return {}
    return {entry.path: (entry.mode, entry.sha.decode()) for entry in tree.iteritems()}


def _ancestry(look_up: LookUp, commit: CommitId) -> set[CommitId]:
    """Return a commit with all that it is made of, as far as that is here."""
    found = {commit}
    layer = [commit]
    while layer and len(found) < MAX_WALK:
        parents = {parent for child in layer for parent in parents_of(look_up, child)}
        layer = list(parents - found)
        found.update(layer)
    return found


def _time(look_up: LookUp, sha: CommitId) -> int:
    commit = _commit_or_none(look_up, sha)
    return 0 if commit is None else int(commit.commit_time)


def _commit_or_none(look_up: LookUp, sha: CommitId) -> Commit | None:
    try:
        return _commit(look_up, sha)
    except KeyError:
        return None


def _commit(look_up: LookUp, sha: CommitId) -> Commit | None:
    try:
        kind, data = look_up(sha)
    except Oversized:
        return None
    if kind != COMMIT:
        return None
    return cast("Commit", ShaFile.from_raw_string(kind, data))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "")
