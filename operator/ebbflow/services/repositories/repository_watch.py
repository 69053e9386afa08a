"""Where the branches are: one poll a repository for everybody, and who must be told of a move.

A thousand objects on one repository cost one ls-remote a poll. When a branch moves, the blobs at
the followed paths are compared, and only those objects whose file changed are put into the queue;
and those that follow references are told when one of theirs moved.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from math import inf
from random import Random
from typing import Final

from ebbflow.api.base import Key
from ebbflow.domain.addresses import check_branch_name
from ebbflow.domain.git import HEADS, BlobId, CommitId, GitError, InvalidRequest, Remote
from ebbflow.domain.ports import Clock, GitBackend, Wake
from ebbflow.services.repositories.followed_repository import (
    Interest,
    Listing,
    RefInterest,
    Repository,
)
from ebbflow.services.schedule import Schedule

log = logging.getLogger(__name__)

JITTER: Final = 0.1
"""Of the interval, so that many repositories do not poll in step."""

FRESH: Final = timedelta(seconds=1)
"""An answer this young serves everybody who asks."""

FORGET: Final = timedelta(minutes=1)
"""How long an answer about an unfollowed repository is kept."""

RETRY: Final = timedelta(seconds=2)
"""How soon to poll after the first failure, to tell a hiccup from an outage."""


Concerns = Callable[[Remote, Iterable[Key]], bool]
"""Whether a hint is about a repository that these objects follow."""


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
        self._repositories: dict[Remote, Repository] = {}
        self._followed: dict[Key, Remote] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._serials = itertools.count(1)

    async def head(self, remote: Remote, branch: str, max_age: timedelta | None) -> CommitId | None:
        """Return where the branch is (None: it does not exist).

        The server is asked unless it was, at most `max_age` ago (None: whenever; zero: ask anew).
        Raises GitError: the listing's own, or the one that the polls of this repository meet.
        """
        try:
            check_branch_name(branch)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        listing = await self.refs(remote, [f"{HEADS}{branch}"], max_age)
        return listing.refs.get(f"{HEADS}{branch}")

    async def refs(
        self, remote: Remote, prefixes: Collection[str], max_age: timedelta | None
    ) -> Listing:
        """Return where the references are whose full names begin with one of these, among others.

        `max_age` and what is raised are as for `head`.
        """
        repository = self._repository(remote)
        wanted = frozenset(prefixes)
        oldest = -inf if max_age is None else self._clock.monotonic() - max_age.total_seconds()
        while not repository.answers(wanted, oldest):
            if repository.error is not None and (repository.failed_at or -inf) >= oldest:
                raise repository.error
            await self._list(repository, wanted, oldest)
        return repository.listing

    def _repository(self, remote: Remote) -> Repository:
        known = self._repositories.get(remote)
        if known is None:
            # Passes that failed leave repositories behind that nobody follows.
            for other in [r for r, state in self._repositories.items() if self._idle(state)]:
                del self._repositories[other]
            known = self._repositories[remote] = Repository(remote)
        return known

    def _idle(self, repository: Repository) -> bool:
        last = max(repository.listed_at or 0.0, repository.failed_at or 0.0)
        busy = repository.is_followed or repository.asking or self._age(last) < FORGET
        return not busy and not any(lock.locked() for lock in repository.turns.values())

    def _age(self, since: float | None) -> timedelta:
        if since is None:
            return timedelta.max
        return timedelta(seconds=self._clock.monotonic() - since)

    async def _list(self, repository: Repository, prefixes: frozenset[str], oldest: float) -> None:
        """Ask the server, or wait for an answer that somebody else asked for not before `oldest`."""
        running = repository.asking
        if running is not None and repository.begun_at < oldest:
            # It may tell of the time before; its failure is the business of who asked for it.
            await asyncio.wait([running])
            running = repository.asking
        if running is None:
            repository.begun_at = self._clock.monotonic()
            running = asyncio.create_task(self._ask(repository, repository.prefixes() | prefixes))
            repository.asking = running
            running.add_done_callback(lambda _: setattr(repository, "asking", None))
        await asyncio.shield(running)

    async def _ask(self, repository: Repository, prefixes: frozenset[str]) -> None:
        begun_at = repository.begun_at
        try:
            found = dict(await self._git.ls_refs(repository.remote, prefixes))
        except GitError as error:
            self._note_failure(repository, error)
            raise
        # An answer from before our own push must not bring the old head back: the next pass would
        # take it for a change in Git, and revert the edit.
        for ref, moved_at in repository.moved_at.items():
            if moved_at >= begun_at and ref in repository.listing.refs:
                found[ref] = repository.listing.refs[ref]
        asked, repository.asked = repository.asked, prefixes
        repository.listed_at = begun_at
        self._put(repository, found, asked & prefixes)
        self._note_success(repository)

    def _put(
        self, repository: Repository, refs: Mapping[str, CommitId], asked: frozenset[str]
    ) -> None:
        """Take note of a listing, and wake those one of whose references moved.

        `asked`: what this listing and the one before were both asked for.
        """
        moved = repository.listing.moved(refs)
        hint, repository.hint = repository.hint, None
        repository.listing = Listing(refs, next(self._serials), hint)
        for key, interest in list(repository.ref_interests.items()):
            new = not asked.issuperset(interest.prefixes)
            if new or any(ref.startswith(interest.prefixes) for ref in moved):
                self._wake(key)

    def _note_failure(self, repository: Repository, error: GitError) -> None:
        repository.failures += 1
        repository.failed_at = self._clock.monotonic()
        if error.transient and repository.failures == 1 and repository.listed_at is not None:
            return  # a hiccup: the next poll, soon, decides
        known, repository.error = repository.error, error
        if known is None or known.reason != error.reason:
            log.warning("%s: %s", error.reason, error)
            self._wake_all(repository.followers())

    def _note_success(self, repository: Repository) -> None:
        repository.failures = 0
        if repository.error is not None:
            repository.error = None
            self._wake_all(repository.followers())

    def _wake_all(self, keys: Iterable[Key]) -> None:
        for key in list(keys):
            self._wake(key)

    def follow(self, key: Key, interest: Interest) -> None:
        """Tell `key` from now on when the file at its path changes."""
        repository = self._of_follower(key, interest.remote)
        repository.interests[key] = interest
        if interest.branch not in repository.examined:
            repository.examined[interest.branch] = interest.head
        # The branch may have moved between the look and now.
        if repository.head(interest.branch) != interest.head:
            self._start(self._examine(repository, interest.branch))
        self._poll_within(repository, interest.interval)

    def follow_refs(self, key: Key, interest: RefInterest) -> None:
        """Tell `key` from now on when one of its references moves, comes or goes."""
        repository = self._of_follower(key, interest.remote)
        repository.ref_interests[key] = interest
        if repository.listing.serial > interest.serial and interest.prefixes:
            # There was another listing between the look and now.
            self._wake(key)
        self._poll_within(repository, interest.interval)

    def look_now(self, concerns: Concerns, delivery: str | None = None) -> int:
        """Poll now the followed repositories that `concerns` is true of; returns how many.

        `delivery`: of the webhook that hints at them; the listing that follows names it. Those who
        follow them for more than Git tells are woken, whatever the listing says.
        """
        found = [
            repository
            for repository in self._repositories.values()
            if repository.is_followed and concerns(repository.remote, repository.followers())
        ]
        for repository in found:
            repository.hint = delivery
            self._start(self._poll(repository))
            hinted = [k for k, i in repository.ref_interests.items() if not i.prefixes]
            repository.told |= dict.fromkeys(hinted, delivery)
            self._wake_all(hinted)
        return len(found)

    def take_hint(self, key: Key) -> str | None:
        """Return the delivery that `key`, which wants hints alone, was woken for; once."""
        remote = self._followed.get(key)
        return None if remote is None else self._repositories[remote].told.pop(key, None)

    def _of_follower(self, key: Key, remote: Remote) -> Repository:
        """Return the repository that `key` follows from now on; it follows no other one."""
        if self._followed.get(key) not in (None, remote):
            self.forget(key)
        self._followed[key] = remote
        return self._repositories.setdefault(remote, Repository(remote))

    def _poll_within(self, repository: Repository, interval: timedelta) -> None:
        if interval < repository.interval or ("poll", repository.remote) not in self._schedule:
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
        repository.ref_interests.pop(key, None)
        repository.told.pop(key, None)
        if not repository.is_followed:
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
        ref = f"{HEADS}{branch}"
        refs = {name: sha for name, sha in repository.listing.refs.items() if name != ref}
        repository.moved_at[ref] = self._clock.monotonic()
        repository.asked |= {ref}
        self._put(repository, refs if head is None else {**refs, ref: head}, repository.asked)
        self._start(self._examine(repository, branch))

    def _schedule_poll(self, repository: Repository) -> None:
        interval = repository.interval = repository.shortest_interval()
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

    async def _poll(self, repository: Repository) -> None:
        try:
            if repository.prefixes():
                await self._list(repository, frozenset(), self._clock.monotonic())
            for branch in repository.branches():
                await self._examine(repository, branch)
        except GitError:
            pass  # noted where it was met; the objects concerned are awake
        finally:
            if repository.is_followed:
                self._schedule_poll(repository)

    async def _examine(self, repository: Repository, branch: str) -> None:
        """Wake the objects whose file is another one at the branch's head than they know."""
        head = repository.head(branch)
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
