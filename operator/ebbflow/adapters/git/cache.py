"""Objects of one repository, as seen with one credential, on disk: packs without a work tree.

A cache is only an object directory (packs and their indexes): no references, no configuration,
no hooks, nothing that a program could be made to run or follow. It lives as long as its process:
what a crash left behind is removed by the next one, so a half-written pack is never read, and two
operators on one machine never share a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from ebbflow.adapters.git.limits import Limits
from ebbflow.adapters.git.packs import GitObject, Packs
from ebbflow.adapters.git.trees import ParsedObjects, TreeReader
from ebbflow.adapters.git.unpacking import PackFile
from ebbflow.adapters.unpack.order import Unpacked
from ebbflow.domain.git import CommitId, Remote

MAX_HAVES: Final = 16
LOCK_NAME: Final = "lock"
SESSION_PREFIX: Final = "session-"
SPOOLED_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is here: the newest complete commits, and all those whose parents are not here."""

    generation: int = 0
    haves: tuple[CommitId, ...] = ()
    shallow: tuple[CommitId, ...] = ()


class SessionDirectory:
    """A directory of this process below the configured one; those of dead processes are removed."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_dead_sessions(parent)
        self.path: Final = Path(tempfile.mkdtemp(prefix=SESSION_PREFIX, dir=parent))
        self._lock: Final = (self.path / LOCK_NAME).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def directory_name(remote: Remote) -> str:
    """Return a name for a remote's cache that gives away neither its address nor a credential."""
    credential = remote.credential.fingerprint() if remote.credential else ""
    whole = f"{remote.url}\0{credential}\0{remote.ca_bundle or ''}"
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


class ObjectCache:
    """Objects fetched so far. Used by one thread at a time; `has` may be asked by any.

    A commit is *complete* when all its trees are here, and its blobs up to the limit of size.
    Only complete commits are told to a server as ours, each as shallow: else the server would
    leave out what it believes that we have.
    """

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits
        self._generation = 0
        self._complete: OrderedDict[CommitId, bool] = OrderedDict()  # whether it is shallow
        self._packs = 0
        self._bytes = 0
        self._parsed = ParsedObjects(limits.parsed_bytes)
        self._store = self._open()

    def has(self, commit: CommitId) -> bool:
        """Tell whether the commit is complete here."""
        return commit in self._complete

    def holdings(self) -> Holdings:
        """Return what a server may be told that is here."""
        return Holdings(
            generation=self._generation,
            haves=tuple(self._complete)[-MAX_HAVES:],
            shallow=tuple(commit for commit, shallow in self._complete.items() if shallow),
        )

    @property
    def directory(self) -> Path:
        """Where packs belong until the next `renew`."""
        return self._store.directory

    @property
    def has_large(self) -> bool:
        """Whether objects are here that are too large to be inflated."""
        return self._store.has_large

    def get(self, sha: str) -> GitObject:
        """Return an object.

        Raises:
            KeyError: it is not here.
            Oversized: it is too large to be inflated.
        """
        return self._store.get(sha)

    def reader(self, commit: CommitId) -> TreeReader:
        """Return what reads the trees of a commit. Raises KeyError: it is not here."""
        return TreeReader(self.get, commit, self._limits.tree_bytes, self._parsed)

    def spool(self) -> IO[bytes]:
        """Return a file for a pack that is coming; it is gone when closed."""
        return cast(
            "IO[bytes]",
            tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES, dir=str(self._directory)),
        )

    def scratch(self) -> Packs:
        """Return a place for packs of its own, to be closed by the caller."""
        return Packs(Path(tempfile.mkdtemp(prefix="history-", dir=self._directory)), self._limits)

    def ingest(
        self, pack: PackFile, commit: CommitId, onto: Holdings, apart: Unpacked | None
    ) -> None:
        """Take a pack that makes `commit` complete together with what it was fetched onto.

        `apart`: another process put it into the directory of `onto`'s generation already.

        Raises:
            KeyError, and what dulwich raises: the pack is broken, or does not fit any more.
        """
        if onto.generation != self._generation:
            raise KeyError(commit)
        if apart is None:
            self._store.take(pack)
        else:
            self._store.took(apart)
        self._note(pack.size, commit, shallow=True)

    def add(self, objects: Sequence[GitObject], commit: CommitId, parent: CommitId) -> None:
        """Take the objects of a commit that was made here on top of `parent`."""
        self._store.add(objects)
        if self.has(parent):
            self._note(sum(len(data) for _, data in objects), commit, shallow=False)

    @property
    def is_worn(self) -> bool:
        """Whether the cache has grown over its bounds."""
        # Every fetch leaves a pack and every lookup asks each of them; repacking would hold the
        # interpreter for longer than one shallow fetch of what is current.
        return self._packs >= self._limits.packs or self._bytes >= self._limits.cache_bytes

    def renew(self) -> None:
        """Begin anew with nothing, in another directory; the old one is removed."""
        self._complete.clear()
        self._parsed.clear()
        self._store.close()
        self._generation += 1
        self._packs = self._bytes = 0
        self._store = self._open()

    def close(self) -> None:
        """Close the files and remove them."""
        self._complete.clear()
        self._store.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _open(self) -> Packs:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        return Packs(self._directory / str(self._generation), self._limits)

    def _note(self, size: int, commit: CommitId, *, shallow: bool) -> None:
        self._packs += 1
        self._bytes += size
        self._complete[commit] = shallow


def _remove_dead_sessions(parent: Path) -> None:
    for path in parent.glob(f"{SESSION_PREFIX}*"):
        with contextlib.suppress(OSError), (path / LOCK_NAME).open("rb") as lock:
            # Refused while the process that made it lives.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
