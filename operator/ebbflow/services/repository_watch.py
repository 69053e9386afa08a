"""Where the branches are: one poll a repository for everybody, and who must be told of a move.

A thousand Templates on one repository cost one ls-remote a poll. When a branch moves, the blobs at
the followed paths are compared, and only those objects whose file changed are put into the queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf
from random import Random

from ebbflow.api.base import Key
from ebbflow.domain.git import BlobId, CommitId, GitError, Remote
from ebbflow.domain.ports import Clock, GitBackend, Wake
from ebbflow.services.schedule import Schedule

log = logging.getLogger(__name__)

JITTER = 0.1  # of the interval, so that many repositories do not poll in step
FRESH = timedelta(seconds=1)  # an answer this young serves everybody who asks
FORGET = timedelta(minutes=1)  # how long an answer about an unfollowed repository is kept
RETRY = timedelta(seconds=2)  # after the first failure, to tell a hiccup from an outage


@dataclass(frozen=True, slots=True)
class Interest:
    """What an object wants to be told of: the file of a branch no longer being `blob`.

    `head` is the commit that the object was looked at with (None: the branch did not exist).
    """

    remote: Remote
    branch: str
    path: str
    blob: BlobId | None
    head: CommitId | None
    interval: timedelta


@dataclass(slots=True)
class _Repository:
    remote: Remote
    heads: dict[str, CommitId] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    listed_at: float | None = None  # when the listing began that gave the last answer
    listing: asyncio.Task[None] | None = None
    begun_at: float = -inf  # when the listing began that is under way
    moved_at: dict[str, float] = field(default_factory=dict)
    examined: dict[str, CommitId | None] = field(default_factory=dict)
    interests: dict[Key, Interest] = field(default_factory=dict)
    interval: timedelta = timedelta.max
    failures: int = 0
    failed_at: float | None = None
    error: GitError | None = None
    turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    def branches(self) -> frozenset[str]:
        return frozenset(interest.branch for interest in self.interests.values())

    def note_head(self, branch: str, head: CommitId | None) -> None:
        if head is None:
            self.heads.pop(branch, None)
        else:
            self.heads[branch] = head


class RepositoryWatch:
    """Follows the repositories that objects are interested in."""

    def __init__(
        self, git: GitBackend, wake: Wake, schedule: Schedule, clock: Clock, random: Random
    ) -> None:
        self._git = git
        self._wake = wake
        self._schedule = schedule
        self._clock = clock
        self._random = random
        self._repositories: dict[Remote, _Repository] = {}
        self._followed: dict[Key, Remote] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def head(self, remote: Remote, branch: str, max_age: timedelta | None) -> CommitId | None:
        """Return where the branch is (None: it does not exist).

        The server is asked unless it was, at most `max_age` ago (None: whenever; zero: ask anew).
        Raises GitError: the listing's own, or the one that the polls of this repository meet.
        """
        repository = self._repository(remote)
        oldest = -inf if max_age is None else self._clock.monotonic() - max_age.total_seconds()
        while not self._answered(repository, branch, oldest):
            if repository.error is not None and (repository.failed_at or -inf) >= oldest:
                raise repository.error
            await self._list(repository, branch, oldest)
        return repository.heads.get(branch)

    def _repository(self, remote: Remote) -> _Repository:
        known = self._repositories.get(remote)
        if known is None:
            # Passes that failed leave repositories behind that nobody follows.
            for other in [r for r, state in self._repositories.items() if self._idle(state)]:
                del self._repositories[other]
            known = self._repositories[remote] = _Repository(remote)
        return known

    def _idle(self, repository: _Repository) -> bool:
        last = max(repository.listed_at or 0.0, repository.failed_at or 0.0)
        busy = repository.interests or repository.listing or self._age(last) < FORGET
        return not busy and not any(lock.locked() for lock in repository.turns.values())

    def _answered(self, repository: _Repository, branch: str, oldest: float) -> bool:
        if repository.listed_at is None or branch not in repository.asked or repository.error:
            return False
        return repository.listed_at >= oldest

    def _age(self, since: float | None) -> timedelta:
        if since is None:
            return timedelta.max
        return timedelta(seconds=self._clock.monotonic() - since)

    async def _list(self, repository: _Repository, branch: str | None, oldest: float) -> None:
        """Ask the server, or wait for an answer that somebody else asked for not before `oldest`."""
        running = repository.listing
        if running is not None and repository.begun_at < oldest:
            # It may tell of the time before; its failure is the business of who asked for it.
            await asyncio.wait([running])
            running = repository.listing
        if running is None:
            branches = repository.branches() | ({branch} if branch is not None else set())
            repository.begun_at = self._clock.monotonic()
            running = asyncio.create_task(self._ask(repository, branches))
            repository.listing = running
            running.add_done_callback(lambda _: setattr(repository, "listing", None))
        await asyncio.shield(running)

    async def _ask(self, repository: _Repository, branches: frozenset[str]) -> None:
        begun_at = repository.begun_at
        try:
            heads = dict(await self._git.ls_heads(repository.remote, branches))
        except GitError as error:
            self._note_failure(repository, error)
            raise
        # An answer from before our own push must not bring the old head back: the next pass would
        # take it for a change in Git, and revert the edit.
        for branch, moved_at in repository.moved_at.items():
            if moved_at >= begun_at and branch in repository.heads:
                heads[branch] = repository.heads[branch]
        repository.heads = heads
        repository.asked = branches
        repository.listed_at = begun_at
        self._note_success(repository)

    def _note_failure(self, repository: _Repository, error: GitError) -> None:
        repository.failures += 1
        repository.failed_at = self._clock.monotonic()
        if error.transient and repository.failures == 1 and repository.listed_at is not None:
            return  # a hiccup: the next poll, soon, decides
        known, repository.error = repository.error, error
        if known is None or known.reason != error.reason:
            log.warning("%s: %s", error.reason, error)
            self._wake_all(repository.interests)

    def _note_success(self, repository: _Repository) -> None:
        repository.failures = 0
        if repository.error is not None:
            repository.error = None
            self._wake_all(repository.interests)

    def _wake_all(self, keys: Iterable[Key]) -> None:
        for key in list(keys):
            self._wake(key)

    def follow(self, key: Key, interest: Interest) -> None:
        """Tell `key` from now on when the file at its path changes."""
        if self._followed.get(key) not in (None, interest.remote):
            self.forget(key)
        repository = self._repositories.setdefault(interest.remote, _Repository(interest.remote))
        self._followed[key] = interest.remote
        repository.interests[key] = interest
        if interest.branch not in repository.examined:
            repository.examined[interest.branch] = interest.head
        # The branch may have moved between the look and now.
        if repository.heads.get(interest.branch) != interest.head:
            self._start(self._examine(repository, interest.branch))
        if (
            interest.interval < repository.interval
            or ("poll", interest.remote) not in self._schedule
        ):
            self._schedule_poll(repository)

    def is_followed_at(self, key: Key, blob: BlobId) -> bool:
        """Tell whether `key` is followed, and was last looked at with this blob."""
        remote = self._followed.get(key)
        return remote is not None and self._repositories[remote].interests[key].blob == blob

    def forget(self, key: Key) -> None:
        """Stop telling `key` anything; a repository that nobody follows is no longer polled."""
        remote = self._followed.pop(key, None)
        if remote is None:
            return
        repository = self._repositories[remote]
        repository.interests.pop(key, None)
        if not repository.interests:
            self._schedule.cancel(("poll", remote))
            del self._repositories[remote]

    @asynccontextmanager
    async def turn(self, remote: Remote, branch: str) -> AsyncIterator[None]:
        """Let one pass of this process at a time write to a branch.

        It spares the server pushes that must fail; safety is the push's compare-and-swap.
        """
        repository = self._repository(remote)
        async with repository.turns.setdefault(branch, asyncio.Lock()):
            yield

    def moved(self, remote: Remote, branch: str, head: CommitId | None) -> None:
        """Take note that a branch was seen to move, by our push or by one that was faster."""
        repository = self._repository(remote)
        repository.note_head(branch, head)
        repository.moved_at[branch] = self._clock.monotonic()
        repository.asked |= {branch}
        self._start(self._examine(repository, branch))

    def _schedule_poll(self, repository: _Repository) -> None:
        interval = min(interest.interval for interest in repository.interests.values())
        repository.interval = interval
        if repository.failures == 1:
            interval = min(interval, RETRY)
        seconds = interval.total_seconds() * (1 + self._random.uniform(-JITTER, JITTER))
        self._schedule.after(
            seconds, ("poll", repository.remote), lambda: self._start(self._poll(repository))
        )

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _poll(self, repository: _Repository) -> None:
        try:
            await self._list(repository, None, self._clock.monotonic())
            for branch in repository.branches():
                await self._examine(repository, branch)
        except GitError:
            pass  # noted where it was met; the objects concerned are awake
        finally:
            if repository.interests:
                self._schedule_poll(repository)

    async def _examine(self, repository: _Repository, branch: str) -> None:
        """Wake the objects whose file is another one at the branch's head than they know."""
        head = repository.heads.get(branch)
        followers = {k: i for k, i in repository.interests.items() if i.branch == branch}
        stale = {k: i for k, i in followers.items() if i.head != head}
        if repository.examined.get(branch) == head and not stale:
            return
        repository.examined[branch] = head
        if head is None:
            self._wake_all(stale)
            return
        try:
            paths = {interest.path for interest in stale.values()}
            blobs = await self._git.blob_ids(repository.remote, branch, head, paths)
        except GitError as error:
            log.warning("%s: %s", error.reason, error)
            self._wake_all(stale)
            return
        for key, interest in stale.items():
            if blobs.get(interest.path) != interest.blob:
                self._wake(key)
            elif repository.interests.get(key) is interest:
                repository.interests[key] = replace(interest, head=head)
