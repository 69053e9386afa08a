"""One repository as seen with one credential: its cache, and who may touch it when.

Fetches of one repository run one after the other; while one downloads, what is here already can
be read. The lock is held only while the cache itself is read or changed, by one thread.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, TypeVar

from ebbflow.adapters.git import errors, exchange
from ebbflow.adapters.git.cache import Holdings, ObjectCache
from ebbflow.adapters.git.errors import UNREADABLE
from ebbflow.adapters.git.exchange import ServerMemory
from ebbflow.adapters.git.flights import SingleFlight
from ebbflow.adapters.git.limits import Limits
from ebbflow.adapters.git.link import Link
from ebbflow.adapters.git.network import Network
from ebbflow.adapters.git.push import NotTaken, push_commit
from ebbflow.adapters.git.trees import LookUp, is_ancestor, with_line
from ebbflow.adapters.git.unpacking import PackFile
from ebbflow.adapters.git.wire import Want
from ebbflow.adapters.unpack.order import Unpacked
from ebbflow.adapters.unpack.scan import BrokenPack
from ebbflow.domain.addresses import redact
from ebbflow.domain.git import (
    HEADS,
    BranchMoved,
    CommitGone,
    CommitId,
    PreparedCommit,
    Pushed,
    Remote,
)

V = TypeVar("V")

MAX_ANSWERS: Final = 256
RENEWALS: Final = 3

_NOT_OFFERED: Final = "the server lets this account read the branch but not push to it"


class Repository:
    """Operations on one remote that share its cache and what was learnt of its server."""

    def __init__(
        self,
        remote: Remote,
        directory: Path,
        filter_spec: str,
        limits: Limits,
        network: Network,
        local: Executor,
    ) -> None:
        """`filter_spec`: what fetches leave out, in the words of git's `--filter`."""
        self.remote: Final = remote
        self.users = 0
        self.last_used = 0.0
        self.limits: Final = limits
        self._filter = filter_spec
        self._network = network
        self._local = local
        self._memory = ServerMemory()
        self._cache = ObjectCache(directory, limits)
        self._lock = asyncio.Lock()
        self._fetching = asyncio.Lock()
        self._fetches: SingleFlight[CommitId, None] = SingleFlight()
        self._histories: SingleFlight[tuple[CommitId, CommitId], bool] = SingleFlight()
        self._descents: OrderedDict[tuple[CommitId, CommitId], bool] = OrderedDict()

    async def list_refs(self, prefixes: Collection[str]) -> Mapping[str, CommitId]:
        """Ask the server where references are: those whose names begin so, perhaps others."""

        def ask(link: Link) -> Mapping[str, CommitId]:
            return exchange.list_refs(link, self._memory, prefixes)

        with self._network.measured("ls-remote"):
            return await self._network.run(self.remote, self.limits.listing_bytes, ask)

    async def at(self, commit: CommitId, work: Callable[[ObjectCache], V]) -> V:
        """Run `work` on the cache in a thread while the commit is complete in it.

        Raises:
            GitError: the commit cannot be had; or whatever `work` raises.
        """
        for _ in range(RENEWALS):
            if not self._cache.has(commit):
                await self._fetches.run(commit, lambda: self._fetch(commit))
            async with self._lock:
                # Another fetch may have found the cache worn meanwhile.
                if self._cache.has(commit):
                    return await self._work(work)
        raise CommitGone(
            f"Commit {commit[:12]} of {redact(self.remote.url)} did not stay in the cache."
            " The operator tries again."
        )

    async def peek(self, work: Callable[[ObjectCache], V]) -> V:
        """Run `work` on the cache in a thread, whatever is in it."""
        async with self._lock:
            return await self._work(work)

    async def contains(self, head: CommitId, commit: CommitId) -> bool:
        """Tell whether `head` is made of `commit`; commits that are here cost no request."""
        if head == commit:
            return True
        key = (head, commit)
        if key not in self._descents:
            self._descents[key] = await self._histories.run(key, lambda: self._descends(*key))
            if len(self._descents) > MAX_ANSWERS:
                self._descents.popitem(last=False)
        return self._descents[key]

    async def find_commit(self, head: CommitId, line: str) -> CommitId | None:
        """Return the newest of the last commits that `head` is made of with this line."""
        limit = self.limits.history
        found = await self.peek(lambda cache: with_line(cache.get, head, line, limit))
        if found is not None:
            return found
        return await self.with_history(
            (head,), limit, lambda look_up: with_line(look_up, head, line, limit)
        )

    async def push(
        self, branch: str, commit: PreparedCommit, *, new: bool
    ) -> Pushed | BranchMoved | NotTaken:
        """Send a commit; a refused one is told apart from a branch that moved meanwhile."""
        with self._network.measured("push") as tell:
            result = await self._network.run(
                self.remote,
                self.limits.listing_bytes,
                lambda link: push_commit(link, branch, commit, new=new),
            )
            if isinstance(result, BranchMoved) and result.head is None:
                # Gone, or among the references that this server keeps from who pushes.
                result = NotTaken(_NOT_OFFERED)
            if isinstance(result, NotTaken):
                result = await self._after_refusal(branch, commit, result, new=new)
            match result:
                case BranchMoved():
                    tell("BranchMoved")
                case NotTaken():
                    tell("PushRejected")
                case Pushed():
                    pass
        if isinstance(result, Pushed):
            await self.peek(lambda cache: _keep(cache, commit))
        return result

    async def close(self) -> None:
        """End what runs and remove the cache."""
        await self._fetches.cancel()
        await self._histories.cancel()
        async with self._lock:
            await self._work(ObjectCache.close)

    async def _after_refusal(
        self, branch: str, commit: PreparedCommit, refusal: NotTaken, *, new: bool
    ) -> Pushed | BranchMoved | NotTaken:
        # Servers word a lost race in many ways; where the branch is now tells it for certain.
        ref = f"{HEADS}{branch}"
        head = (await self.list_refs({ref})).get(ref)
        if head == commit.commit:
            return Pushed()
        return refusal if head == (None if new else commit.parent) else BranchMoved(head)

    async def _descends(self, head: CommitId, commit: CommitId) -> bool:
        limit = self.limits.history
        if await self.peek(lambda cache: is_ancestor(cache.get, commit, head, limit)):
            return True

        return await self.with_history(
            (head,), limit, lambda look_up: is_ancestor(look_up, commit, head, limit)
        )

    async def with_history(
        self, tips: Collection[CommitId], depth: int, work: Callable[[LookUp], V]
    ) -> V:
        """Run `work` on the last `depth` commits that each tip is made of, fetched for this alone."""

        def ask(link: Link) -> V:
            return exchange.with_history(
                link, self._memory, self._cache, tips, depth, self.limits, work
            )

        with self._network.measured("history"):
            try:
                return await self._network.run(self.remote, self.limits.fetch_bytes, ask)
            except BrokenPack as error:
                raise errors.broken_pack(self.remote, error) from error

    async def _fetch(self, commit: CommitId) -> None:
        async with self._fetching:
            if self._cache.is_worn:
                await self.peek(ObjectCache.renew)
            with self._network.measured("fetch"):
                if not await self._fetch_onto(commit, await self.peek(ObjectCache.holdings)):
                    # A delta against an object that a filter left out: begin with nothing.
                    await self.peek(ObjectCache.renew)
                    empty = Holdings((await self.peek(ObjectCache.holdings)).generation)
                    await self._fetch_onto(commit, empty)

    async def _fetch_onto(self, commit: CommitId, onto: Holdings) -> bool:
        """Fetch and take a pack; False if it does not fit onto what is here."""
        want = Want(commit, 1, self._filter, onto.haves, onto.shallow)
        directory, limits = self._cache.directory, self.limits
        beside_large = self._cache.has_large
        with self._cache.spool() as file:
            pack = PackFile(file, limits)

            def ask(link: Link) -> Unpacked | None:
                exchange.fetch_pack(link, self._memory, want, pack)
                return exchange.unpack_if_large(
                    link, pack, directory, limits, beside_large=beside_large
                )

            try:
                apart = await self._network.run(self.remote, limits.fetch_bytes, ask)
                async with self._lock:
                    await self._network.compute(
                        lambda: self._cache.ingest(pack, commit, onto, apart)
                    )
            except (BrokenPack, *UNREADABLE) as error:
                if onto.haves:
                    return False
                raise errors.broken_pack(self.remote, error) from error
        return True

    async def _work(self, work: Callable[[ObjectCache], V]) -> V:
        return await asyncio.get_running_loop().run_in_executor(self._local, work, self._cache)


def _keep(cache: ObjectCache, commit: PreparedCommit) -> None:
    # What we just pushed need not be fetched: the next commit is a fetch of what others changed.
    if cache.has(commit.parent) and not cache.has(commit.commit):
        cache.add(commit.objects, commit.commit, commit.parent)
