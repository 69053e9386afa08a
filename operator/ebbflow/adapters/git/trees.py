"""Reading a commit by walking its trees: never a work tree, never a link followed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from dulwich.objects import Commit, ShaFile, Tree

from ebbflow.adapters.git.packs import GitObject, Oversized
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.git import BlobId, CommitId, NotACommit, NotAFile, TooLarge

COMMIT: Final = Commit.type_num
TREE: Final = Tree.type_num
REGULAR_FILE: Final = 0o100644
EXECUTABLE_FILE: Final = 0o100755
DIRECTORY: Final = 0o040000
_NAMES: Final = {DIRECTORY: "a directory", 0o120000: "a symbolic link", 0o160000: "a submodule"}

PARSED_OBJECT: Final = 2048
PARSED_BYTE: Final = 8
"""About how many bytes of memory an object takes that is parsed, and each of its bytes."""

LookUp = Callable[[str], GitObject]
"""Return an object by its id; KeyError if it is not here."""


class ParsedObjects:
    """Commits and trees that were parsed lately, for all who read paths of the same commits.

    To a thousand files in one directory this is the difference between reading it once and a
    thousand times. Bounded: `limit` is about the memory that they take, in bytes; the oldest go
    first. Used by one thread at a time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._objects: OrderedDict[str, tuple[ShaFile, int]] = OrderedDict()

    def get(self, sha: str) -> ShaFile | None:
        """Return an object if it is still here. It must not be changed."""
        found = self._objects.get(sha)
        if found is None:
            return None
        self._objects.move_to_end(sha)
        return found[0]

    def keep(self, sha: str, parsed: ShaFile, stored_bytes: int) -> None:
        """Keep an object that Git stores in so many bytes; others may have to go for it."""
        size = PARSED_OBJECT + PARSED_BYTE * stored_bytes
        self._objects[sha] = (parsed, size)
        self._bytes += size
        while self._bytes > self._limit:
            _, (_, gone) = self._objects.popitem(last=False)
            self._bytes -= gone

    def clear(self) -> None:
        """Keep nothing."""
        self._objects.clear()
        self._bytes = 0


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file in a tree."""

    mode: int
    blob: BlobId


class TreeReader:
    """The trees of one commit; `tree_bytes`: the largest that is read.

    Making one raises KeyError if the commit is not here, and NotACommit if it is something else.
    """

    def __init__(
        self, look_up: LookUp, commit: CommitId, tree_bytes: int, parsed: ParsedObjects
    ) -> None:
        self._look_up = look_up
        self._tree_bytes = tree_bytes
        self._parsed = parsed
        self.commit: Final = cast("Commit", self._typed(commit, COMMIT))
        """It must not be changed: others read it too."""
        self.root: Final = self.commit.tree.decode()

    def find(self, path: str) -> FileEntry | None:
        """Return the file at a path; None if nothing is there.

        Raises:
            NotAFile: what is there, or on the way there, is something else.
            TooLarge: a directory on the way is over the limit.
            ValueError: the path cannot name a file.
        """
        parts = normalise_path(path).split("/")
        sha = self.root
        for depth, part in enumerate(parts, start=1):
            name = part.encode()
            tree = self.tree(sha)
            if name not in tree:
                return None
            mode, found = tree[name]
            sha = found.decode()
            _check(path, "/".join(parts[:depth]), mode, last=depth == len(parts))
            if depth == len(parts):
                return FileEntry(mode, sha)
        return None

    def tree(self, sha: str) -> Tree:
        """Return a tree by its id. It must not be changed: others read it too."""
        return cast("Tree", self._typed(sha, TREE))

    def _typed(self, sha: str, wanted: int) -> ShaFile:
        parsed = self._parsed.get(sha)
        if parsed is None:
            parsed = self._read(sha, wanted)
        if parsed.type_num != wanted:
            raise _of_another_kind(sha, wanted)
        return parsed

    def _read(self, sha: str, wanted: int) -> ShaFile:
        try:
            kind, data = self._look_up(sha)
        except Oversized:
            raise self._too_large() from None
        if kind != wanted:
            raise _of_another_kind(sha, wanted)
        if len(data) > self._tree_bytes:
            raise self._too_large()
        parsed = ShaFile.from_raw_string(kind, data)
        self._parsed.keep(sha, parsed, len(data))
        return parsed

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"A directory on the way to the file is over {self._tree_bytes // 1024} KiB as Git"
            " stores it, some ten thousand entries. Use one with fewer files in it."
        )


def _of_another_kind(sha: str, wanted: int) -> NotACommit | KeyError:
    if wanted != COMMIT:
        return KeyError(sha)
    return NotACommit(
        f"{sha[:12]} is no commit: the reference points at something else, such as a tag of a file."
        " Name a branch, or another tag."
    )


def blob_at(reader: TreeReader, path: str) -> BlobId | None:
    """Return the id of the regular file at a path; None if none is there."""
    try:
        entry = reader.find(path)
    except (NotAFile, ValueError):
        return None
    return entry.blob if entry is not None else None


def parents_of(look_up: LookUp, commit: CommitId) -> tuple[CommitId, ...]:
    """Return the parents of a commit; none if the commit is not here."""
    try:
        kind, data = look_up(commit)
    except (KeyError, Oversized):
        return ()
    if kind != COMMIT:
        return ()
    parsed = cast("Commit", ShaFile.from_raw_string(kind, data))
    return tuple(parent.decode() for parent in parsed.parents)


def is_ancestor(look_up: LookUp, commit: CommitId, head: CommitId, limit: int) -> bool:
    """Tell whether `commit` can be reached from `head` through commits that are here."""
    seen = {head}
    layer = [head]
    while layer and len(seen) <= limit:
        if commit in seen:
            return True
        layer = [
            parent
            for child in layer
            for parent in parents_of(look_up, child)
            if parent not in seen and not seen.add(parent)  # type: ignore[func-returns-value]  # None
        ]
    return commit in seen


def with_line(look_up: LookUp, head: CommitId, line: str, limit: int) -> CommitId | None:
    """Return the newest commit that `head` is made of, of those here, whose message has a line."""
    wanted = line.encode()
    seen = {head}
    layer = [head]
    while layer and len(seen) <= limit:
        for commit in layer:
            if wanted in _message_lines(look_up, commit):
                return commit
        above = dict.fromkeys(p for child in layer for p in parents_of(look_up, child))
        layer = [parent for parent in above if parent not in seen]
        seen.update(layer)
    return None


def _message_lines(look_up: LookUp, commit: CommitId) -> list[bytes]:
    try:
        kind, data = look_up(commit)
    except (KeyError, Oversized):
        return []
    return data.partition(b"\n\n")[2].split(b"\n") if kind == COMMIT else []


def _check(path: str, place: str, mode: int, *, last: bool) -> None:
    if last and mode in {REGULAR_FILE, EXECUTABLE_FILE}:
        return
    if not last and mode == DIRECTORY:
        return
    what = _NAMES.get(mode, f"a file with the unusual mode {mode:06o}" if last else "a file")
    need = "a file is needed" if last else f"a directory is needed on the way to {path!r}"
    raise NotAFile(f"{place!r} is {what}, where {need}. Change spec.git.path.")
