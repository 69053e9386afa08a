"""Every file of a commit, or of one of its directories, read without a work tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ebbflow.adapters.git.packs import Oversized
from ebbflow.adapters.git.trees import (
    DIRECTORY,
    EXECUTABLE_FILE,
    REGULAR_FILE,
    LookUp,
    TreeReader,
)
from ebbflow.domain.addresses import MAX_PATH_PARTS, normalise_path
from ebbflow.domain.git import InvalidRequest, NotAFile, TooLarge
from ebbflow.domain.source_archive import FileKind, TreeBounds, TreeFile

_KINDS: Final[dict[int, FileKind]] = {
    REGULAR_FILE: "file",
    EXECUTABLE_FILE: "executable",
    0o120000: "link",
}
"""Other entries are left out: a submodule is a commit of another repository."""

_UNFIT: Final = ("", ".", "..", ".git")


def read_files(
    look_up: LookUp, reader: TreeReader, directory: str, bounds: TreeBounds
) -> tuple[TreeFile, ...]:
    """Return the files below a directory (empty: the root), with paths relative to it, in order.

    Raises:
        NotAFile: there is no such directory.
        TooLarge: there are more files or bytes than the bounds allow, or one that was not fetched.
        InvalidRequest: a name in the commit could lead out of where it is put.
    """
    found: list[TreeFile] = []
    room = bounds.all_bytes
    for path, mode, sha in _entries(reader, _directory(reader, directory), "", 0):
        kind = _KINDS.get(mode)
        if kind is None:
            continue
        data = _content(look_up, path, sha)
        room -= len(data)
        if room < 0 or len(found) == bounds.files:
            raise TooLarge(
                f"the commit has more than {bounds.files} files or "
                f"{bounds.all_bytes // 1024 // 1024} MiB; name a directory of it"
            )
        found.append(TreeFile(path, kind, data))
    return tuple(found)


def _directory(reader: TreeReader, directory: str) -> str:
    sha: str = reader.root
    for part in normalise_path(directory).split("/") if directory else ():
        tree = reader.tree(sha)
        name = part.encode()
        if name not in tree or tree[name][0] != DIRECTORY:
            raise NotAFile(f"there is no directory {directory!r} in the commit")
        sha = tree[name][1].decode()
    return sha


def _entries(
    reader: TreeReader, sha: str, prefix: str, depth: int
) -> Iterator[tuple[str, int, str]]:
    if depth > MAX_PATH_PARTS:
        raise TooLarge(f"the commit has directories more than {MAX_PATH_PARTS} deep")
    for entry in reader.tree(sha).iteritems():
        name = entry.path.decode(errors="surrogateescape")
        if name.lower() in _UNFIT or "/" in name:
            raise InvalidRequest(f"the commit has an entry {prefix + name!r}, which is no name")
        if entry.mode == DIRECTORY:
            yield from _entries(reader, entry.sha.decode(), f"{prefix}{name}/", depth + 1)
        else:
            yield prefix + name, entry.mode, entry.sha.decode()


def _content(look_up: LookUp, path: str, sha: str) -> bytes:
    try:
        return look_up(sha)[1]
    except (KeyError, Oversized):
        # The server left it out, as the fetch asked of it, or nothing of it is ever inflated.
        raise TooLarge(
            f"the file {path!r} of the commit is too large to be handed to a pod"
        ) from None
