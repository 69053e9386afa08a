"""The trees of a commit with files put in and taken out, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from dulwich.objects import Blob, ObjectID, ShaFile, Tree

from ebbflow.adapters.git.trees import DIRECTORY, REGULAR_FILE, TreeReader
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.git import NotAFile


@dataclass(slots=True)
class _Directory:
    """A directory that changes: its entries, and the directories in it that change too."""

    tree: Tree
    inside: dict[bytes, _Directory] = field(default_factory=dict)


class ChangedTrees:
    """Files to put and to remove; a directory in which nothing is left goes too."""

    def __init__(self, reader: TreeReader) -> None:
        self._reader = reader
        self._root = _Directory(_copy(reader.tree(reader.root)))
        self._blobs: list[Blob] = []

    def put(self, path: str, data: bytes) -> Blob:
        """Put a file, in the mode of the one that is there; return its blob.

        Raises NotAFile where something else is there, or a file on the way; ValueError.
        """
        there = self._reader.find(path)
        blob = Blob.from_string(data)
        *directories, name = _parts(path)
        directory = self._down(path, directories)
        if name in directory.inside:
            raise NotAFile(f"{path!r} is to be a file and a directory at once; give one of them")
        directory.tree[name] = (there.mode if there else REGULAR_FILE, blob.id)
        self._blobs.append(blob)
        return blob

    def remove(self, path: str) -> None:
        """Remove a file, if it is there. Raises as `put`."""
        if self._reader.find(path) is None:
            return
        *directories, name = _parts(path)
        del self._down(path, directories).tree[name]

    @property
    def root(self) -> Tree:
        """The root as it is with all changes."""
        return _settled(self._root)

    def new_objects(self) -> Iterator[ShaFile]:
        """Yield the blobs, then the trees, the innermost first and the root last."""
        yield from self._blobs
        _settled(self._root)
        yield from _trees(self._root)

    def _down(self, path: str, directories: list[bytes]) -> _Directory:
        here = self._root
        for name in directories:
            if name not in here.inside:
                here.inside[name] = _Directory(self._tree_in(path, here.tree, name))
            here = here.inside[name]
        return here

    def _tree_in(self, path: str, tree: Tree, name: bytes) -> Tree:
        if name not in tree:
            return Tree()
        mode, sha = tree[name]
        if mode != DIRECTORY:
            raise NotAFile(
                f"{path!r} needs a directory where another file is put; give one of them"
            )
        return _copy(self._reader.tree(sha.decode()))


def _settled(directory: _Directory) -> Tree:
    """Write the ids of changed directories into the ones that hold them."""
    for name, inner in directory.inside.items():
        tree = _settled(inner)
        if len(tree):
            directory.tree[name] = (DIRECTORY, ObjectID(tree.id))
        elif name in directory.tree:
            del directory.tree[name]
    return directory.tree


def _trees(directory: _Directory) -> Iterator[Tree]:
    for inner in directory.inside.values():
        if len(inner.tree):
            yield from _trees(inner)
    yield directory.tree


def _parts(path: str) -> list[bytes]:
    return [part.encode() for part in normalise_path(path).split("/")]


def _copy(tree: Tree) -> Tree:
    return cast("Tree", tree.copy())
