"""What is known of one repository that objects follow, and what each of them follows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf

from ebbflow.api.base import Key
from ebbflow.domain.git import HEADS, BlobId, CommitId, GitError, Remote


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


@dataclass(frozen=True, slots=True)
class RefInterest:
    """What an object wants to be told of: moves of references whose full names begin so.

    `serial`: the listing that it was looked at with. No prefixes: it only wants the hints that
    somebody gives about the repository.
    """

    remote: Remote
    prefixes: tuple[str, ...]
    serial: int
    interval: timedelta


@dataclass(frozen=True, slots=True)
class Listing:
    """Where references are, by full name; a later listing of this process has a higher serial.

    `hint`: the webhook's delivery that it was asked for; None: for none.
    """

    refs: Mapping[str, CommitId] = field(default_factory=dict)
    serial: int = 0
    hint: str | None = None

    def moved(self, refs: Mapping[str, CommitId]) -> list[str]:
        """Return the references that are elsewhere there, that came or went."""
        if refs == self.refs:
            return []
        return [
            ref for ref in self.refs.keys() | refs.keys() if self.refs.get(ref) != refs.get(ref)
        ]


@dataclass(slots=True)
class Repository:
    """One repository as seen with one credential. `asked`: the prefixes that the listing is of.

    `told`: who wants hints alone, and was given one that it has not taken yet.
    """

    remote: Remote
    listing: Listing = field(default_factory=Listing)
    asked: frozenset[str] = frozenset()
    listed_at: float | None = None  # when the listing began that gave the last answer
    asking: asyncio.Task[None] | None = None
    begun_at: float = -inf  # when the listing began that is under way
    moved_at: dict[str, float] = field(default_factory=dict)
    examined: dict[str, CommitId | None] = field(default_factory=dict)
    interests: dict[Key, Interest] = field(default_factory=dict)
    ref_interests: dict[Key, RefInterest] = field(default_factory=dict)
    interval: timedelta = timedelta.max
    failures: int = 0
    failed_at: float | None = None
    error: GitError | None = None
    turns: dict[str, asyncio.Lock] = field(default_factory=dict)
    hint: str | None = None
    told: dict[Key, str | None] = field(default_factory=dict)

    @property
    def is_followed(self) -> bool:
        """Whether any object follows it."""
        return bool(self.interests or self.ref_interests)

    def followers(self) -> Iterable[Key]:
        """Return the objects that follow it."""
        return (*self.interests, *self.ref_interests)

    def branches(self) -> frozenset[str]:
        """Return the branches in which files are followed."""
        return frozenset(interest.branch for interest in self.interests.values())

    def prefixes(self) -> frozenset[str]:
        """Return the beginnings of the names of all references that are followed."""
        of_refs = (interest.prefixes for interest in self.ref_interests.values())
        return frozenset(f"{HEADS}{branch}" for branch in self.branches()).union(*of_refs)

    def shortest_interval(self) -> timedelta:
        """Return how often it is polled; it has followers."""
        of_files = (interest.interval for interest in self.interests.values())
        of_refs = (interest.interval for interest in self.ref_interests.values())
        return min((*of_files, *of_refs))

    def head(self, branch: str) -> CommitId | None:
        """Return where a branch was last seen; None: nowhere."""
        return self.listing.refs.get(f"{HEADS}{branch}")

    def answers(self, prefixes: frozenset[str], oldest: float) -> bool:
        """Tell whether the last listing was of these, and began no earlier than `oldest`."""
        if self.listed_at is None or self.error is not None or self.listed_at < oldest:
            return False
        asked = tuple(self.asked)
        return all(prefix.startswith(asked) for prefix in prefixes)
