"""What the rules of a trigger look at: moves of refs and pull requests, with what came with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ebbflow.domain.git import HEADS, TAGS

PULLS: Final = "pull/"


def is_no_commit(sha: str | None) -> bool:
    """Tell whether a SHA stands for nothing: absent, or zeros as Git writes it (40, or 64)."""
    return sha is None or not sha.strip("0")


@dataclass(frozen=True, slots=True)
class RefMove:
    """One observed move of a ref. `before` None: it is new; `after` None: it is gone.

    `ref` is the whole name; `after` is what a tag points to, not the tag object. `number` counts
    the moves of the ref, so that a move back is another one.
    """

    ref: str
    before: str | None
    after: str | None
    number: int = 0

    @property
    def branch(self) -> str | None:
        """The branch's name; None if it is none."""
        return self.ref.removeprefix(HEADS) if self.ref.startswith(HEADS) else None

    @property
    def tag(self) -> str | None:
        """The tag's name; None if it is none."""
        return self.ref.removeprefix(TAGS) if self.ref.startswith(TAGS) else None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An open pull request as its provider tells it. `id` is the number that people see."""

    id: int
    head_branch: str
    head_sha: str
    base_branch: str
    labels: tuple[str, ...] = ()
    draft: bool = False
    fork: bool = False
    head_repository: str = ""
    author: str = ""
    title: str = ""

    @property
    def ref(self) -> str:
        """How the heads of a trigger name it."""
        return f"{PULLS}{self.id}"


@dataclass(frozen=True, slots=True)
class PullMove:
    """One observed move of a pull request: a commit that is new in it, or no longer held.

    `before` None: it is new. `number` counts its moves.
    """

    pull: PullRequest
    before: str | None
    number: int = 0

    @property
    def ref(self) -> str:
        """How the heads of a trigger name it."""
        return self.pull.ref

    @property
    def after(self) -> str:
        """Its commit."""
        return self.pull.head_sha


Move = RefMove | PullMove


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that came with a move."""

    sha: str
    message: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A move, with what the rules look at.

    `paths`: the files that differ between the trees of before and after (a pull request's: of its
    base and its head); None: unknown, which every path rule takes as met. `commits`: newest first,
    those that are in after and not in before; of a ref that is new, whose before is not there any
    more, or that moved back, the one that it is at.
    """

    move: Move
    paths: tuple[str, ...] | None = None
    commits: tuple[Commit, ...] = ()

    @property
    def head(self) -> Commit | None:
        """The commit that the ref is at now; None where nothing is known of it."""
        return next((c for c in self.commits if c.sha == self.move.after), None)


Values = Mapping[str, str]
"""What `${refs.<trigger>.…}` gives: names and texts."""
