"""The `GitBackend` port by dulwich, over http, https and ssh.

backend   the port: checks what it is given, and puts answers into the domain's values
repository, flights   what runs once for many callers, and who may touch a cache when
network, operation, resolve   threads, deadlines, where a connection may go
link, http_link, transport, ssh_link, ssh_process   the ways to a server
wire, dialect, exchange   Git's protocol version 2, and version 0 by dulwich
unpacking, packs   what came, unpacked here or in a process of its own; objects on disk
cache, trees, whole_tree, authors   what is complete, and reading it
commits, push   building commits, sending them
changes, history   what lies between two commits
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

from dulwich.objects import Blob
from typing_extensions import override

from ebbflow.adapters.git.authors import author_of
from ebbflow.adapters.git.cache import ObjectCache, SessionDirectory
from ebbflow.adapters.git.changes import changes_of, merge_base_of
from ebbflow.adapters.git.commits import build_commit, build_commit_of_files
from ebbflow.adapters.git.flights import RefsBatcher
from ebbflow.adapters.git.limits import HostPolicy, Limits, Timeouts
from ebbflow.adapters.git.network import Network
from ebbflow.adapters.git.packs import Oversized
from ebbflow.adapters.git.push import NotTaken
from ebbflow.adapters.git.repository import Repository
from ebbflow.adapters.git.resolve import NameLookUp, look_up_name
from ebbflow.adapters.git.shelf import Shelf
from ebbflow.adapters.git.trees import FileEntry, blob_at
from ebbflow.adapters.git.whole_tree import read_files
from ebbflow.domain.addresses import check_branch_name, normalise_path
from ebbflow.domain.git import (
    HEADS,
    BlobId,
    Changes,
    CommitHeader,
    CommitId,
    GitFile,
    InvalidRequest,
    NotAFile,
    PreparedCommit,
    PushRefused,
    PushResult,
    Remote,
    Signature,
    TooLarge,
    Unreachable,
    is_lfs_pointer,
    lfs_words,
)
from ebbflow.domain.ports import Clock, GitBackend, SyncMetrics
from ebbflow.domain.server_words import clean_words
from ebbflow.domain.source_archive import TreeBounds, TreeFile

V = TypeVar("V")


class DulwichBackend(GitBackend):
    """Git for the operator: one cache a repository and credential, shared by all who use it.

    cache_dir: a directory of the operator's; what it holds is removed when the backend closes.
    policy: where connections may go. limits, timeouts: what an operation may cost.
    look_up: from names to addresses.

    To be made and used in one event loop, and closed with `close`.
    """

    def __init__(
        self,
        cache_dir: Path,
        policy: HostPolicy,
        metrics: SyncMetrics,
        clock: Clock,
        *,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        look_up: NameLookUp = look_up_name,
    ) -> None:
        self._limits = limits or Limits()
        self._session = SessionDirectory(cache_dir)
        self._network = Network(
            policy,
            self._limits,
            timeouts or Timeouts(),
            metrics,
            clock,
            look_up,
            self._session.path,
        )
        # Reading takes the interpreter's lock anyway: a second thread would gain nothing.
        self._local = ThreadPoolExecutor(1, "git-cache")
        self._shelf = Shelf(self._session.path, self._limits, self._network, self._local, clock)
        self._refs = RefsBatcher(self._list_refs)

    async def __aenter__(self) -> Self:
        """Return the backend, to be closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the backend."""
        await self.close()

    async def close(self) -> None:
        """End what runs, close every connection and file, and remove the caches."""
        await self._refs.cancel()
        await self._shelf.close()
        await asyncio.to_thread(self._network.close)
        self._local.shutdown()
        self._session.close()

    @override
    async def ls_heads(self, remote: Remote, branches: Collection[str]) -> Mapping[str, CommitId]:
        for branch in branches:
            _check_branch(branch)
        refs = {f"{HEADS}{branch}": branch for branch in branches}
        found = await self.ls_refs(remote, refs)
        return {refs[ref]: commit for ref, commit in found.items() if ref in refs}

    @override
    async def ls_refs(self, remote: Remote, prefixes: Collection[str]) -> Mapping[str, CommitId]:
        self._network.check(remote)
        return await self._refs.refs(remote, prefixes)

    @override
    async def read_file(
        self, remote: Remote, branch: str, commit: CommitId, path: str
    ) -> GitFile | None:
        limits = self._limits
        _check_path(path)

        def read(cache: ObjectCache) -> GitFile | None:
            entry = cache.reader(commit).find(path)
            return None if entry is None else _read_blob(cache, path, entry, limits.blob_bytes)

        return await self._at(remote, commit, read)

    @override
    async def blob_ids(
        self, remote: Remote, branch: str, commit: CommitId, paths: Collection[str]
    ) -> Mapping[str, BlobId | None]:
        wanted = tuple(paths)

        def read(cache: ObjectCache) -> Mapping[str, BlobId | None]:
            reader = cache.reader(commit)
            return {path: blob_at(reader, path) for path in wanted}

        return await self._at(remote, commit, read)

    @override
    async def author_of(
        self, remote: Remote, branch: str, commit: CommitId, path: str
    ) -> Signature | None:
        _check_path(path)
        return await self._at(remote, commit, lambda cache: author_of(cache, commit, path))

    @override
    async def read_blob(self, remote: Remote, blob: BlobId) -> bytes | None:
        if not self._shelf.has_files(remote):
            return None

        def read(cache: ObjectCache) -> bytes | None:
            try:
                kind, data = cache.get(blob)
            except (KeyError, Oversized):
                return None
            return data if kind == Blob.type_num else None

        async with self._shelf.files(remote) as repository:
            return await repository.peek(read)

    @override
    async def read_tree(
        self, remote: Remote, branch: str, commit: CommitId, directory: str, bounds: TreeBounds
    ) -> tuple[TreeFile, ...]:
        if directory:
            _check_path(directory)

        def read(cache: ObjectCache) -> tuple[TreeFile, ...]:
            return read_files(cache.get, cache.reader(commit), directory, bounds)

        return await self._at(remote, commit, read)

    @override
    async def prepare_commit(
        self,
        remote: Remote,
        branch: str,
        parent: CommitId,
        path: str,
        data: bytes,
        header: CommitHeader,
    ) -> PreparedCommit:
        _check_path(path)

        def build(cache: ObjectCache) -> PreparedCommit:
            return build_commit(cache.reader(parent), parent, path, data, header)

        return await self._at(remote, parent, build)

    @override
    async def prepare_files(
        self,
        remote: Remote,
        branch: str,
        parent: CommitId,
        files: Mapping[str, bytes | None],
        header: CommitHeader,
    ) -> PreparedCommit | None:
        for path in files:
            _check_path(path)

        def build(cache: ObjectCache) -> PreparedCommit | None:
            return build_commit_of_files(cache.reader(parent), parent, files, header)

        return await self._at(remote, parent, build)

    @override
    async def push(
        self, remote: Remote, branch: str, commit: PreparedCommit, *, new: bool = False
    ) -> PushResult:
        _check_branch(branch)
        async with self._shelf.files(remote) as repository:
            result = await repository.push(branch, commit, new=new)
        if isinstance(result, NotTaken):
            return PushRefused(clean_words(result.words, remote.credential))
        return result

    @override
    async def contains(self, remote: Remote, branch: str, head: CommitId, commit: CommitId) -> bool:
        async with self._shelf.files(remote) as repository:
            return await repository.contains(head, commit)

    @override
    async def find_commit(
        self, remote: Remote, branch: str, head: CommitId, line: str
    ) -> CommitId | None:
        async with self._shelf.files(remote) as repository:
            return await repository.find_commit(head, line)

    @override
    async def changes(self, remote: Remote, before: CommitId | None, after: CommitId) -> Changes:
        async with self._shelf.trees(remote) as repository, _complete(repository, after):
            return await changes_of(repository, before, after)

    @override
    async def merge_base(self, remote: Remote, one: CommitId, other: CommitId) -> CommitId | None:
        async with self._shelf.trees(remote) as repository:
            return await merge_base_of(repository, one, other)

    async def _list_refs(self, remote: Remote, prefixes: frozenset[str]) -> Mapping[str, CommitId]:
        async with self._shelf.files(remote) as repository:
            return await repository.list_refs(prefixes)

    async def _at(self, remote: Remote, commit: CommitId, work: Callable[[ObjectCache], V]) -> V:
        async with self._shelf.files(remote) as repository, _complete(repository, commit):
            return await repository.at(commit, work)


@asynccontextmanager
async def _complete(repository: Repository, commit: CommitId) -> AsyncIterator[None]:
    """Throw the cache away where a commit lacks something. Raises Unreachable then."""
    try:
        yield
    except KeyError as error:
        # Not all of a commit was sent: nothing that is here can be trusted any more.
        await repository.peek(ObjectCache.renew)
        raise Unreachable(
            f"The Git server did not send all of commit {commit[:12]}."
            " The operator fetches it again."
        ) from error


def _read_blob(cache: ObjectCache, path: str, entry: FileEntry, limit: int) -> GitFile:
    try:
        _, data = cache.get(entry.blob)
    except (KeyError, Oversized):
        # The server left it out, as the fetch asked of it, or nothing of it is ever inflated.
        data = None
    if data is None or len(data) > limit:
        raise TooLarge(
            f"{path!r} has more than {limit // 1024} KiB. Make the file smaller (a document may"
            " have 512 KiB) or change spec.git.path."
        )
    if is_lfs_pointer(data):
        raise NotAFile(lfs_words(path))
    return GitFile(entry.blob, data)


def _check_branch(branch: str) -> None:
    try:
        check_branch_name(branch)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error


def _check_path(path: str) -> None:
    try:
        normalise_path(path)
    except ValueError as error:
        raise InvalidRequest(f"spec.git.path: {error}") from error
