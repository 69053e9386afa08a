"""A real repository with a history that tests make up, and a plain model of the same beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dulwich.diff_tree import tree_changes
from dulwich.objects import Blob, Commit, Tag, Tree
from dulwich.repo import MemoryRepo

from ebbflow.domain.triggers.change import Change
from ebbflow.domain.triggers.change import Commit as Brought
from ebbflow.domain.triggers.moves import Move

PERSON: Final = b"Ann Example <ann@example.com>"
FLAG: Final = "[skip ci]"
IGNORED: Final = "docs/"


@dataclass(frozen=True)
class ModelCommit:
    parents: tuple[str, ...]
    files: Mapping[str, str]
    message: str


@dataclass
class History:
    """The repository `real`, and `commits` and `refs`, which say the same in dictionaries."""

    real: MemoryRepo = field(default_factory=MemoryRepo)
    commits: dict[str, ModelCommit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    # What people do

    def commit(self, parents: tuple[str, ...], files: Mapping[str, str], message: str) -> str:
        made = Commit()
        made.tree = self._tree(files)
        made.parents = [parent.encode() for parent in parents]
        made.author = made.committer = PERSON
        made.author_time = made.commit_time = 1_700_000_000 + len(self.commits)
        made.author_timezone = made.commit_timezone = 0
        made.message = message.encode()
        self.real.object_store.add_object(made)
        sha = made.id.decode()
        self.commits[sha] = ModelCommit(parents, dict(files), message)
        return sha

    def _tree(self, files: Mapping[str, str]) -> bytes:
        tree = Tree()
        for directory in sorted({path.partition("/")[0] for path in files if "/" in path}):
            below = {
                path.partition("/")[2]: text
                for path, text in files.items()
                if path.startswith(f"{directory}/")
            }
            tree.add(directory.encode(), 0o40000, self._tree(below))
        for path, text in files.items():
            if "/" not in path:
                blob = Blob.from_string(text.encode())
                self.real.object_store.add_object(blob)
                tree.add(path.encode(), 0o100644, blob.id)
        self.real.object_store.add_object(tree)
        return tree.id

    def point(self, ref: str, sha: str, *, annotated: bool = False) -> None:
        self.refs[ref] = sha
        target = sha.encode()
        if annotated:
            tag = Tag()
            tag.name, tag.tagger, tag.message = ref.encode(), PERSON, b"A release"
            tag.tag_time, tag.tag_timezone = 1_700_000_000, 0
            tag.object = (Commit, target)
            self.real.object_store.add_object(tag)
            target = tag.id
        self.real.refs[ref.encode()] = target

    def delete(self, ref: str) -> None:
        del self.refs[ref]
        del self.real.refs[ref.encode()]

    # What the operator sees, read from the repository

    def listing(self) -> dict[str, str]:
        """All branches and tags with their commits, annotated tags followed."""
        return {
            ref.decode(): self.real.get_peeled(ref).decode()
            for ref in self.real.refs
            if ref.startswith((b"refs/heads/", b"refs/tags/"))
        }

    def change(self, move: Move) -> Change:
        """What came with a move, as `Change` says."""
        if move.after is None:
            return Change(move)
        store = self.real.object_store
        head = self._brought(move.after)
        if move.before is None or move.before in self.lost:
            return Change(move, None, (head,))
        before, after = (store[sha.encode()].tree for sha in (move.before, move.after))
        paths = {
            side.path.decode()
            for found in tree_changes(store, before, after)
            for side in (found.old, found.new)
            if side is not None and side.path is not None
        }
        walker = self.real.get_walker(include=[move.after.encode()], exclude=[move.before.encode()])
        brought = tuple(self._brought(entry.commit.id.decode()) for entry in walker)
        return Change(move, tuple(sorted(paths)), brought or (head,))

    def _brought(self, sha: str) -> Brought:
        return Brought(sha, self.real[sha.encode()].message.decode(), PERSON.decode())

    # The same rules in plain words, over the dictionaries

    def expected(self, before: str | None, after: str | None) -> str:
        """The reason of the verdict on a followed ref that moved: docs/ and FLAG are ignored."""
        if after is None:
            return "RefDeleted"
        known = before is not None and before not in self.lost
        new = self._reachable(after) - (self._reachable(before) if known and before else set())
        counting = new if known and new else {after}
        if any(FLAG in self.commits[sha].message for sha in counting):
            return "IgnoreFlag"
        if not known or before is None:
            return "RulesMet"
        old, now = self.commits[before].files, self.commits[after].files
        changed = [path for path in {*old, *now} if old.get(path) != now.get(path)]
        if changed and all(path.startswith(IGNORED) for path in changed):
            return "PathsNotMatched"
        return "RulesMet"

    def _reachable(self, sha: str) -> set[str]:
        found, ahead = set(), [sha]
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                ahead += self.commits[one].parents
        return found
