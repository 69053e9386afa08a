"""Packs made by hand, as no git would make them (gitformat-pack(5))."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

from tests.support.memory_objects import BLOB, COMMIT, TREE, object_id, tree_bytes

OFS_DELTA, REF_DELTA = 6, 7
PIECE = 60_000


def varint(number: int) -> bytes:
    """Write a size as in the head of a difference."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def entry(kind: int, content: bytes, *, size: int | None = None, base: bytes = b"") -> bytes:
    """Write an entry; `size` is what it says of itself, `base` what a difference is made from."""
    length = len(content) if size is None else size
    first, rest = length & 15, length >> 4
    head = bytes([(0x80 if rest else 0) | kind << 4 | first]) + (varint(rest) if rest else b"")
    return head + base + zlib.compress(content)


def ref_delta(base: str, content: bytes) -> bytes:
    """Write a difference to an object that is named by its id."""
    return entry(REF_DELTA, content, base=bytes.fromhex(base))


def repeat(source: int, times: int, *, says: int | None = None) -> bytes:
    """Return a difference that repeats the first 64 KiB of its base; `says`: which size it tells."""
    copy = b"\xe0\x00\x01"  # sizes by their second and third byte: 0x010000
    return varint(source) + varint(65536 * times if says is None else says) + copy * times


def pack(entries: Sequence[bytes], *, says: int | None = None) -> bytes:
    """Put entries into a pack that says to have so many objects."""
    count = len(entries) if says is None else says
    whole = b"PACK" + (2).to_bytes(4, "big") + count.to_bytes(4, "big") + b"".join(entries)
    return whole + hashlib.sha1(whole, usedforsecurity=False).digest()


def answer(packed: bytes) -> bytes:
    """Return a server's answer to a fetch (gitprotocol-v2(5)) that holds a pack."""
    lines = [_line(b"packfile\n")]
    lines += [_line(b"\x01" + packed[at : at + PIECE]) for at in range(0, len(packed), PIECE)]
    return b"".join(lines) + b"0000"


def commit_of(tree: bytes) -> tuple[str, list[bytes]]:
    """Return a commit's id, and the entries of the commit and of its root tree."""
    person = b"Ann <ann@example.com> 1700000000 +0000"
    sha = object_id(TREE, tree).encode()
    text = b"tree %s\nauthor %s\ncommitter %s\n\nx\n" % (sha, person, person)
    return object_id(COMMIT, text), [entry(COMMIT, text), entry(TREE, tree)]


def with_file(name: str, content: bytes) -> tuple[str, list[bytes]]:
    """Return a commit with one file, and the entries that it needs but for the file."""
    return commit_of(tree_bytes({name: ("100644", object_id(BLOB, content))}))


def _line(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data
