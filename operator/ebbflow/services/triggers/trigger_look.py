"""What a trigger sees: refs and pull requests that moved since it last looked, and what they bring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.gittrigger import Delivery, GitTrigger, GitTriggerSpec, TriggerRepository
from ebbflow.api.reasons import Reason
from ebbflow.domain.access import Refused
from ebbflow.domain.conditions import is_requested
from ebbflow.domain.git import (
    HEADS,
    Changes,
    CommitGone,
    CommitId,
    CommitNote,
    Remote,
    TooLarge,
)
from ebbflow.domain.ports import GitBackend
from ebbflow.domain.providers import ProviderAccount, Providers
from ebbflow.domain.triggers.change import (
    PULLS,
    Change,
    Commit,
    Move,
    PullMove,
    PullRequest,
    RefMove,
)
from ebbflow.domain.triggers.moves import Observed, Seen, observe_pulls, observe_refs, scope_of
from ebbflow.domain.triggers.pulls import approved_commits
from ebbflow.domain.triggers.unfollowed import prefixes_of, unfollowed_pulls, unfollowed_refs
from ebbflow.services.repositories.followed_repository import RefInterest
from ebbflow.services.repositories.git_access import GitAccess, Granted
from ebbflow.services.repositories.repository_watch import RepositoryWatch

ANEW: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a trigger sees. `hint`: the webhook's delivery that had us look; None: the poll did.

    `after`: when to look again by itself; None: it is told when something moves. `unfollowed`: what
    else moved, which no rule follows.
    """

    remote: Remote
    observed: Observed
    hint: str | None = None
    after: timedelta | None = None
    unfollowed: tuple[Move, ...] = ()


class TriggerLook:
    """Looks for one trigger at a time; the listings of a repository are everybody's."""

    def __init__(
        self,
        git: GitBackend,
        access: GitAccess,
        watch: RepositoryWatch,
        providers: Providers,
        poll_interval: timedelta,
    ) -> None:
        self._git = git
        self._access = access
        self._watch = watch
        self._providers = providers
        self._poll_interval = poll_interval
        self._known: dict[Key, Seen] = {}
        self._listed: dict[Key, tuple[str, Mapping[str, CommitId]]] = {}

    def forget(self, key: Key) -> None:
        """Look for it no more."""
        self._watch.forget(key)
        self._access.forget(key)
        self._known.pop(key, None)
        self._listed.pop(key, None)

    def interval(self, trigger: GitTrigger) -> timedelta:
        """Return how long a trigger may go without a look at its repository."""
        return trigger.spec.interval or self._poll_interval

    def remember(self, key: Key, seen: Seen) -> None:
        """Take note of what is about to be stored as seen: it is from our own last listing."""
        self._known[key] = seen

    def distrust(self, key: Key) -> None:
        """List anew at the next look: what was listed is not there any more."""
        self._known.pop(key, None)

    async def look(self, trigger: GitTrigger, git: TriggerRepository) -> Sight | Refused:
        """Return what moved. Raises GitError, ClusterError."""
        granted = await self._access.resolve(trigger.key, git)
        if isinstance(granted, Refused):
            self._watch.forget(trigger.key)
            return granted
        if trigger.spec.type in ("Push", "Tag"):
            return await self._refs(trigger, granted)
        return await self._pulls(trigger, git, granted)

    async def recall(
        self, trigger: GitTrigger, git: TriggerRepository, told: Delivery
    ) -> Change | Refused:
        """Return what a move brought that was judged before. Raises GitError, ClusterError."""
        granted = await self._access.resolve(trigger.key, git)
        if isinstance(granted, Refused):
            return granted
        ref, after = told.ref or "", told.after or ""
        move: Move = RefMove(ref, told.before, told.after)
        if trigger.spec.type in ("PullRequest", "PullRequestLabel"):
            move = PullMove(await self._recall_pull(git, granted, ref, after), told.before)
        try:
            return await self.change(granted.remote, trigger.spec, move)
        except CommitGone:
            return Change(move)

    async def _recall_pull(
        self, git: TriggerRepository, granted: Granted, ref: str, after: CommitId
    ) -> PullRequest:
        if isinstance(granted.api, ProviderAccount):
            listing = await self._providers.pull_requests(granted.api, git.repository)
            for pull in listing.pulls:
                if pull.ref == ref:
                    return replace(pull, head_sha=after)
        return PullRequest(int(ref.removeprefix(PULLS)), "", after, "")

    async def _refs(self, trigger: GitTrigger, granted: Granted) -> Sight:
        spec, seen = trigger.spec, Seen.of(trigger.status)
        prefixes = prefixes_of(spec)
        first = seen.heads is None or is_requested(trigger)
        listing = await self._watch.refs(granted.remote, prefixes, ANEW if first else None)
        observed = observe_refs(spec, seen, listing.refs)
        if observed.moves and not first and self._known.get(trigger.key) != seen:
            # Another process may have stored what it saw later than we did: to us that would look
            # like refs that moved back.
            listing = await self._watch.refs(granted.remote, prefixes, ANEW)
            observed = observe_refs(spec, seen, listing.refs)
        interest = RefInterest(granted.remote, prefixes, listing.serial, self.interval(trigger))
        self._watch.follow_refs(trigger.key, interest)
        beside = unfollowed_refs(spec, self._before(trigger, listing.refs), listing.refs)
        return Sight(granted.remote, observed, listing.hint, unfollowed=beside)

    def _before(self, trigger: GitTrigger, now: Mapping[str, CommitId]) -> Mapping[str, CommitId]:
        """Return what this process listed for the trigger before, by the rules of now; else `now`."""
        scope = scope_of(trigger.spec)
        known, before = self._listed.get(trigger.key, (scope, now))
        self._listed[trigger.key] = (scope, now)
        return before if known == scope else now

    async def _pulls(
        self, trigger: GitTrigger, git: TriggerRepository, granted: Granted
    ) -> Sight | Refused:
        api = granted.api
        if isinstance(api, Refused):
            return api
        if api is None:
            return Refused(
                Reason.INVALID_SPEC,
                "spec.type: pull requests need an account whose provider has an API, with a token",
            )
        spec, seen = trigger.spec, Seen.of(trigger.status)
        # Before it asks: a delivery that comes meanwhile tells of what the answer may not have.
        hint = self._watch.take_hint(trigger.key)
        listing = await self._providers.pull_requests(api, git.repository)
        approved = approved_commits(trigger.metadata.annotations)
        observed = observe_pulls(spec, seen, listing.pulls, approved)
        if not listing.complete:
            observed = _with_unlisted(observed, seen, {pull.ref for pull in listing.pulls})
        every = self.interval(trigger)
        self._watch.follow_refs(trigger.key, RefInterest(granted.remote, (), 0, every))
        before = self._before(trigger, {pull.ref: pull.head_sha for pull in listing.pulls})
        beside = unfollowed_pulls(spec, before, listing.pulls)
        return Sight(granted.remote, observed, hint, after=every, unfollowed=beside)

    async def change(self, remote: Remote, spec: GitTriggerSpec, move: Move) -> Change:
        """Return what a move brings. What cannot be told of it is left unknown. Raises GitError."""
        if move.after is None:
            return Change(move)
        try:
            match move:
                case RefMove():
                    return _change(move, await self._git.changes(remote, move.before, move.after))
                case PullMove():
                    return _change(move, await self._of_pull(remote, spec, move))
        except TooLarge:
            return Change(move)
        except CommitGone:
            if isinstance(move, RefMove):
                raise
            # Some providers keep the commits of forks where only their API reads them.
            return Change(move)

    async def _of_pull(self, remote: Remote, spec: GitTriggerSpec, move: PullMove) -> Changes:
        """Return what a pull request brings: from where it left its base up to its head."""
        base: CommitId | None = None
        if spec.paths is not None:
            ref = f"{HEADS}{move.pull.base_branch}"
            tip = (await self._watch.refs(remote, [ref], None)).refs.get(ref)
            base = None if tip is None else await self._git.merge_base(remote, tip, move.after)
        return await self._git.changes(remote, base, move.after)


def _with_unlisted(observed: Observed, seen: Seen, listed: set[str]) -> Observed:
    """Keep what is known of pull requests that an incomplete listing does not have."""
    kept = {ref: head for ref, head in (seen.heads or {}).items() if ref not in listed}
    return replace(
        observed, seen=replace(observed.seen, heads={**kept, **(observed.seen.heads or {})})
    )


def _change(move: Move, told: Changes) -> Change:
    paths = None if told.paths is None else tuple(sorted(told.paths))
    return Change(move, paths, tuple(_commits(told.commits or (told.head,))))


def _commits(notes: Iterable[CommitNote]) -> Iterable[Commit]:
    for note in notes:
        yield Commit(note.sha, note.message, note.author.name or note.author.email)
