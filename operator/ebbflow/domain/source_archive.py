"""The files of a commit, packed so that they fit into objects of the cluster. Pure.

The archive is a tar file, compressed by gzip; equal files make equal bytes.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

PART_BYTES: Final = 700 * 1024
"""What one Secret takes: base64 makes it a third more, and an object may have 1 MiB as JSON."""

PART: Final = "source-part"
"""The key under which a Secret holds a part."""

MOST_PARTS: Final = 8
"""The cluster keeps them while the Job runs; etcd is no place for more."""

_COMPRESSION: Final = 6
_MODES: Final = {"file": 0o644, "executable": 0o755, "link": 0o777}

FileKind = Literal["file", "executable", "link"]


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file of a commit. `path` is relative; of a link, `data` is what it points at."""

    path: str
    kind: FileKind
    data: bytes


@dataclass(frozen=True, slots=True)
class TreeBounds:
    """How much of a commit is read: bytes of all files together, and how many there may be."""

    files: int = 20_000
    all_bytes: int = 32 * 1024 * 1024


class ArchiveTooLarge(ValueError):
    """The packed files are more than parts may hold; the text says how much they are."""


def pack(files: Iterable[TreeFile]) -> bytes:
    """Return the files as a compressed tar archive."""
    whole = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=whole, mode="wb", compresslevel=_COMPRESSION, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in files:
            entry = tarfile.TarInfo(file.path)
            entry.mode = _MODES[file.kind]
            if file.kind == "link":
                entry.type = tarfile.SYMTYPE
                entry.linkname = file.data.decode(errors="surrogateescape")
                archive.addfile(entry)
            else:
                entry.size = len(file.data)
                archive.addfile(entry, io.BytesIO(file.data))
    return whole.getvalue()


def parts_of(archive: bytes) -> tuple[bytes, ...]:
    """Cut an archive into parts that objects can hold; raises ArchiveTooLarge."""
    parts = tuple(archive[at : at + PART_BYTES] for at in range(0, len(archive), PART_BYTES))
    if len(parts) > MOST_PARTS:
        raise ArchiveTooLarge(
            f"the files are {len(archive) / 1024 / 1024:.1f} MiB when packed, and at most "
            f"{PART_BYTES * MOST_PARTS / 1024 / 1024:.1f} MiB can be handed to a pod"
        )
    return parts
