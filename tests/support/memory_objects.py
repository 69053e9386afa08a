"""Git's objects in plain Python, from gitformat documentation alone: no Git library involved.

A second opinion on the bytes: the fake and the real backend must agree on every id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

COMMIT, TREE, BLOB = 1, 2, 3
NAMES = {COMMIT: "commit", TREE: "tree", BLOB: "blob"}
DIRECTORY = "40000"

TreeEntry = tuple[str, str]  # mode in octal, id


def object_id(kind: int, data: bytes) -> str:
    whole = b"%s %d\0" % (NAMES[kind].encode(), len(data)) + data
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest()


def tree_bytes(entries: Mapping[str, TreeEntry]) -> bytes:
    def order(item: tuple[str, TreeEntry]) -> bytes:
        return item[0].encode() + (b"/" if item[1][0] == DIRECTORY else b"")

    return b"".join(
        f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha)
        for name, (mode, sha) in sorted(entries.items(), key=order)
    )


def parse_tree(data: bytes) -> dict[str, TreeEntry]:
    entries: dict[str, TreeEntry] = {}
    while data:
        head, _, rest = data.partition(b"\0")
        mode, _, name = head.decode().partition(" ")
        entries[name] = (mode, rest[:20].hex())
        data = rest[20:]
    return entries


@dataclass
class Objects:
    """An object database."""

    found: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def add(self, kind: int, data: bytes) -> str:
        sha = object_id(kind, data)
        self.found[sha] = (kind, data)
        return sha

    def tree_of(self, commit: str) -> str:
        return self.found[commit][1].decode().split("\n", 1)[0].removeprefix("tree ")

    def parents_of(self, commit: str) -> tuple[str, ...]:
        header = self.found[commit][1].decode().partition("\n\n")[0]
        return tuple(
            line.removeprefix("parent ")
            for line in header.split("\n")
            if line.startswith("parent ")
        )

    def ancestry(self, commit: str) -> Iterator[str]:
        """Yield a commit and all that it is made of, the nearest first."""
        layer = {commit: True}
        seen = set(layer)
        while layer:
            yield from layer
            parents = (parent for child in layer for parent in self.parents_of(child))
            layer = {parent: True for parent in parents if parent not in seen}
            seen |= layer.keys()

    def tree(self, sha: str) -> dict[str, TreeEntry]:
        return parse_tree(self.found[sha][1])

    def files(self, tree: str) -> dict[str, TreeEntry]:
        """Return everything in a tree that is no directory, by its path."""
        found: dict[str, TreeEntry] = {}
        for name, (mode, sha) in self.tree(tree).items():
            if mode == DIRECTORY:
                found |= {f"{name}/{path}": entry for path, entry in self.files(sha).items()}
            else:
                found[name] = (mode, sha)
        return found

    def put(self, tree: str | None, path: str, entry: TreeEntry | None) -> str | None:
        """Return the tree with the entry at the path (None: without it); None if nothing is left."""
        entries = self.tree(tree) if tree else {}
        name, _, rest = path.partition("/")
        if rest:
            below = entries.get(name)
            inner = self.put(below[1] if below else None, rest, entry)
            entry = (DIRECTORY, inner) if inner else None
        if entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry
        return self.add(TREE, tree_bytes(entries)) if entries else None
