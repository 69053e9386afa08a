"""Files of the repository that a document comes from, as they were at its commit."""

from __future__ import annotations

from ebbflow.api.base import Key
from ebbflow.api.template import GitPlace
from ebbflow.domain.access import Refused
from ebbflow.domain.git import CommitId
from ebbflow.domain.ports import GitBackend
from ebbflow.services.repositories.git_access import GitAccess, Granted, Place


class NoAccess(Exception):
    """The account may not be used for the repository (any more); the text says who must do what."""


class RepositoryFiles:
    """Reads files with the account of the document, which is asked for anew each time."""

    def __init__(self, git: GitBackend, access: GitAccess) -> None:
        self._git = git
        self._access = access

    async def read(self, user: Key, place: GitPlace, commit: CommitId, path: str) -> bytes | None:
        """Return a file's bytes; None if there is nothing at the path. `user` is who reads: a Run.

        Raises NoAccess, GitError, and ClusterError where the account cannot be read.
        """
        granted = await access_for_run(self._access, user, place)
        file = await self._git.read_file(granted.remote, place.branch, commit, path)
        return None if file is None else file.data


async def access_for_run(access: GitAccess, user: Key, place: Place) -> Granted:
    """Return how `user`, a Run, may use a repository. Raises NoAccess, ClusterError."""
    try:
        granted = await access.resolve(user, place)
    finally:
        # Nothing has to be done about the Run when the account changes: it asked just now.
        access.forget(user)
    if isinstance(granted, Refused):
        raise NoAccess(f"{granted.reason}: {granted.message}")
    return granted
