"""A directory of packs: objects in, objects out, and nothing inflated that is too large for that."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID, RawObjectID, ShaFile
from dulwich.pack import Pack

from ebbflow.adapters.git.limits import Limits
from ebbflow.adapters.git.unpacking import PackFile
from ebbflow.adapters.unpack.order import Unpacked
from ebbflow.adapters.unpack.scan import DELTA_HEAD, delta_sizes, read_entry

GitObject = tuple[int, bytes]
"""Git's number of the type, and the content."""

MAX_CHAIN: Final = 4096
_HEAD_BYTES: Final = 512


class Oversized(Exception):
    """An object is here, but too large to be inflated in the operator."""


class Packs:
    """Objects on disk, in a directory that is made for them and removed with them.

    Used by one thread at a time.
    """

    def __init__(self, directory: Path, limits: Limits) -> None:
        self.directory: Final = directory
        self._limits = limits
        self._store = DiskObjectStore.init(directory)
        self.has_large = False

    def get(self, sha: str) -> GitObject:
        """Return an object.

        Raises:
            KeyError: it is not here.
            Oversized: it is too large, or can only be made from one that is.
        """
        name = ObjectID(sha.encode())
        if self.has_large and self._largest_on_the_way(name) > self._limits.object_bytes:
            raise Oversized(sha)
        return self._store.get_raw(name)

    def take(self, pack: PackFile) -> None:
        """Unpack a small pack.

        Raises:
            KeyError, and what dulwich raises: the pack is broken, or does not fit.
        """
        pack.file.seek(0)
        self._store.add_thin_pack(pack.file.read, None)

    def took(self, unpacked: Unpacked) -> None:
        """Note that another process put a pack here."""
        self.has_large |= unpacked.largest > self._limits.object_bytes

    def add(self, objects: Sequence[GitObject]) -> None:
        """Take objects that were made here."""
        whole = [ShaFile.from_raw_string(kind, data) for kind, data in objects]
        self._store.add_objects([(item, None) for item in whole])

    def close(self) -> None:
        """Close the files and remove the directory."""
        self._store.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _largest_on_the_way(self, name: ObjectID) -> int:
        """Return the size of the largest object that must be inflated to have this one."""
        for pack in self._store.packs:
            try:
                offset = pack.index.object_offset(name)
            except KeyError:
                continue
            return _walk_chain(pack, offset)
        return 0


def _walk_chain(pack: Pack, offset: int) -> int:
    largest = 0
    with Path(pack.data.path).open("rb", buffering=0) as file:
        for _ in range(MAX_CHAIN):
            head = memoryview(os.pread(file.fileno(), _HEAD_BYTES, offset))
            entry = read_entry(head, 0)
            largest = max(largest, entry.size)
            if entry.base is None:
                return largest
            start = zlib.decompressobj().decompress(head[entry.data :], DELTA_HEAD)
            largest = max(largest, *delta_sizes(start))
            if isinstance(entry.base, int):
                offset -= entry.base
            else:
                offset = pack.index.object_offset(RawObjectID(entry.base))
    raise Oversized("a chain of differences without end")
