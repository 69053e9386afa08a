"""Commits of files that a document writes: made in memory, pushed by compare-and-swap, found again.

The message of each names the attempt that made it. Whoever does not know whether a push arrived
looks for that line in the branch first, so an attempt never makes a second commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.template import GitPlace
from ebbflow.domain.commit_message import TRAILER
from ebbflow.domain.commit_url import commit_url
from ebbflow.domain.git import (
    BranchMoved,
    CommitHeader,
    CommitId,
    Pushed,
    PushRefused,
    Signature,
)
from ebbflow.domain.ports import GitBackend
from ebbflow.services.repositories.git_access import GitAccess, Granted
from ebbflow.services.repositories.repository_files import access_for_run

ATTEMPT: Final = "Ebbflow-Attempt"
"""The trailer that names the attempt of a node that made a commit."""

TRIES: Final = 5
"""How often a commit is made anew because somebody else moved the branch."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be in a branch. `base`: the branch that it begins at, if there is none yet.

    `author` None: the account's committer. `attempt` is what the commit is found by again, `seek`:
    it may be there already.
    """

    place: GitPlace
    base: str | None
    files: Mapping[str, bytes | None]
    message: str
    author: Signature | None
    time: datetime
    attempt: str
    seek: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """The branch holds the files at `commit`; `made`: for this attempt. `url` may be empty."""

    commit: CommitId
    url: str
    made: bool


class CannotCommit(Exception):
    """The branch, or what it begins at, is not there, or the server refuses; the text says which."""


class RepositoryCommits:
    """Writes files with an account that is asked for anew each time."""

    def __init__(self, git: GitBackend, access: GitAccess) -> None:
        self._git = git
        self._access = access

    async def check(self, user: Key, place: GitPlace) -> Granted:
        """Return how the repository may be used by `user`, a Run. Raises NoAccess, ClusterError."""
        return await access_for_run(self._access, user, place)

    async def write(self, user: Key, wanted: Wanted) -> Committed:
        """Bring the branch to hold the files.

        Raises NoAccess, CannotCommit, ClusterError, and GitError: after one that is transient
        nobody knows whether the commit arrived, and the next call must `seek` it.
        """
        granted = await self.check(user, wanted.place)
        seek = wanted.seek
        for _ in range(TRIES):
            done = await self._once(user, granted, wanted, seek=seek)
            if done is not None:
                return done
            seek = False
        raise CannotCommit(
            f"others moved the branch {wanted.place.branch} {TRIES} times while the commit was made; "
            "give the node settings.maxAttempts"
        )

    async def _once(
        self, user: Key, granted: Granted, wanted: Wanted, *, seek: bool
    ) -> Committed | None:
        """Make and push the commit on what the branch holds now; None: it moved meanwhile."""
        remote, branch = granted.remote, wanted.place.branch
        heads = await self._git.ls_heads(remote, {branch, wanted.base or branch})
        parent = heads.get(branch) or heads.get(wanted.base or branch)
        if parent is None:
            raise CannotCommit(_no_branch(wanted))
        line = f"{ATTEMPT}: {wanted.attempt}"
        if seek and branch in heads:
            found = await self._git.find_commit(remote, branch, parent, line)
            if found is not None:
                return self._committed(granted, wanted, found, made=True)
        header = CommitHeader(
            author=wanted.author or _committer(granted),
            committer=_committer(granted),
            time=int(wanted.time.timestamp()),
            message=f"{wanted.message.strip()}\n\n{TRAILER}: {user}\n{line}\n",
            signing_key=granted.signing_key,
        )
        commit = await self._git.prepare_files(remote, branch, parent, wanted.files, header)
        if commit is None:
            return self._committed(granted, wanted, parent, made=False)
        result = await self._git.push(remote, branch, commit, new=branch not in heads)
        match result:
            case Pushed():
                return self._committed(granted, wanted, commit.commit, made=True)
            case BranchMoved():
                return None
            case PushRefused(words):
                raise CannotCommit(f"the server refused the push to {branch}: {words}")

    def _committed(
        self, granted: Granted, wanted: Wanted, commit: CommitId, *, made: bool
    ) -> Committed:
        url = commit_url(wanted.place.repository, commit, granted.provider)
        return Committed(commit, url, made)


def _committer(granted: Granted) -> Signature:
    return Signature(granted.committer.name, granted.committer.email)


def _no_branch(wanted: Wanted) -> str:
    place = wanted.place
    if wanted.base is None:
        return (
            f"the branch {place.branch} does not exist in {place.repository}; create it, or name "
            "with base the branch that it is to begin at"
        )
    return (
        f"neither the branch {place.branch} nor its base {wanted.base} exist in "
        f"{place.repository}; correct base"
    )
