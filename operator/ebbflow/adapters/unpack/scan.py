"""What a pack would become: counts and sizes, found in its headers without keeping any content.

gitformat-pack(5). A pack of some kilobytes may hold hundreds of megabytes, or differences that
make terabytes. Every entry tells its size before its content, and every difference the sizes of
what it is made from and of what it makes; whoever applies it holds it to them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024
HEADER_BYTES: Final = 12
OFS_DELTA: Final = 6
REF_DELTA: Final = 7
_WHOLE: Final = frozenset({1, 2, 3, 4})  # commit, tree, blob, tag
_ID_BYTES: Final = 20
_PIECE: Final = 64 * 1024
DELTA_HEAD: Final = 20  # two sizes of at most ten bytes each
_MAX_SIZE_BYTES: Final = 10


class BrokenPack(Exception):
    """These bytes are no pack that can be unpacked."""


class TooMuch(Exception):
    """The pack would become more than it may; the text says what, for people."""


@dataclass(frozen=True, slots=True)
class PackBounds:
    """What a pack may become.

    objects: how many objects. object_bytes: the largest one, or what it is a difference to.
    unpacked_bytes: all of them together.
    """

    objects: int
    object_bytes: int
    unpacked_bytes: int


@dataclass(frozen=True, slots=True)
class PackFacts:
    """What a pack would become: `largest` and `unpacked` in bytes."""

    objects: int
    largest: int
    unpacked: int


def count_objects(header: bytes) -> int:
    """Return how many objects a pack says to have, from its first 12 bytes.

    Raises:
        BrokenPack: it does not begin as a pack does.
    """
    version = int.from_bytes(header[4:8], "big")
    if len(header) < HEADER_BYTES or header[:4] != b"PACK" or version not in {2, 3}:
        raise BrokenPack("no header")
    return int.from_bytes(header[8:HEADER_BYTES], "big")


def check_count(objects: int, bounds: PackBounds) -> None:
    """Refuse a pack by its number of objects alone.

    Raises:
        TooMuch: there are more than there may be.
    """
    if objects > bounds.objects:
        raise TooMuch(f"{objects:,} objects, where at most {bounds.objects:,} are taken")


def scan(pack: memoryview, bounds: PackBounds) -> PackFacts:
    """Walk through a pack's entries, keeping nothing of them.

    Raises:
        TooMuch: as soon as a bound is passed.
        BrokenPack: an entry cannot be read, or does not have the size that it tells.
    """
    objects = count_objects(bytes(pack[:HEADER_BYTES]))
    check_count(objects, bounds)
    position, largest, unpacked = HEADER_BYTES, 0, 0
    for _ in range(objects):
        try:
            entry = read_entry(pack, position)
        except IndexError:
            raise BrokenPack("an entry is cut off") from None
        _check_size(entry.size, bounds)
        end, delta_head = _inflate(pack, entry)
        whole = entry.base is None
        sizes = [entry.size] if whole else [entry.size, *delta_sizes(delta_head)]
        for size in sizes:
            _check_size(size, bounds)
        position = end
        largest = max(largest, *sizes)
        unpacked += sizes[-1]
        if unpacked > bounds.unpacked_bytes:
            raise TooMuch(f"more than {bounds.unpacked_bytes // MIB} MiB when unpacked")
    return PackFacts(objects, largest, unpacked)


@dataclass(frozen=True, slots=True)
class Entry:
    """The head of an entry.

    size: of its own content, in bytes. data: where that begins, compressed. base: what it is a
    difference to, by its distance in bytes before the entry or by its id; None if it is whole.
    """

    size: int
    data: int
    base: int | bytes | None


def read_entry(pack: memoryview, position: int) -> Entry:
    """Read the head of the entry at a position.

    Raises:
        BrokenPack: there is no entry.
        IndexError: the bytes end before the head does.
    """
    kind = pack[position] >> 4 & 7
    size, shift = pack[position] & 15, 4
    while pack[position] & 0x80:
        position += 1
        size |= (pack[position] & 0x7F) << shift
        shift += 7
        if shift > 7 * _MAX_SIZE_BYTES:
            raise BrokenPack("an entry of an impossible size")
    position += 1
    if kind == OFS_DELTA:
        return _read_distance(pack, position, size)
    if kind == REF_DELTA:
        end = position + _ID_BYTES
        return Entry(size, end, bytes(pack[position:end]))
    if kind not in _WHOLE:
        raise BrokenPack(f"an entry of the unknown type {kind}")
    return Entry(size, position, None)


def _read_distance(pack: memoryview, position: int, size: int) -> Entry:
    distance = pack[position] & 0x7F
    for _ in range(_MAX_SIZE_BYTES):
        if not pack[position] & 0x80:
            return Entry(size, position + 1, distance)
        position += 1
        distance = (distance + 1 << 7) | (pack[position] & 0x7F)
    raise BrokenPack("a difference to nowhere")


def _inflate(pack: memoryview, entry: Entry) -> tuple[int, bytes]:
    """Return where an entry ends, and the first bytes of its content."""
    stream = zlib.decompressobj()
    position, produced, head = entry.data, 0, b""
    piece = min(_PIECE, entry.size + 64)
    try:
        while not stream.eof:
            given = stream.unconsumed_tail or pack[position : position + piece]
            fresh = not stream.unconsumed_tail
            data = stream.decompress(given, _PIECE)
            position += len(given) if fresh else 0
            if not data and not stream.eof and not len(given):
                raise BrokenPack("an entry is cut off")
            produced += len(data)
            if produced > entry.size:
                raise BrokenPack("an entry is larger than it says")
            head = head or data[:DELTA_HEAD]
    except zlib.error as error:
        raise BrokenPack("an entry cannot be inflated") from error
    if produced != entry.size:
        raise BrokenPack("an entry is smaller than it says")
    return position - len(stream.unused_data), head


def delta_sizes(head: bytes) -> tuple[int, int]:
    """Return the sizes of what a difference is made from and of what it makes.

    Raises:
        BrokenPack: these bytes do not begin a difference.
    """
    sizes, position = [], 0
    for _ in range(2):
        size, shift = 0, 0
        while True:
            if position >= len(head):
                raise BrokenPack("a difference without its sizes")
            byte = head[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        sizes.append(size)
    return sizes[0], sizes[1]


def _check_size(size: int, bounds: PackBounds) -> None:
    if size > bounds.object_bytes:
        raise TooMuch(
            f"an object of {_mebibytes(size)}, where at most {_mebibytes(bounds.object_bytes)} are"
            " taken"
        )


def _mebibytes(size: int) -> str:
    return f"{size / MIB:,.1f} MiB" if size % MIB else f"{size // MIB:,} MiB"
