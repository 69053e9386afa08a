"""The files of a commit, for pods: read with the account that the document names."""

from __future__ import annotations

import asyncio

from ebbflow.api.base import Key
from ebbflow.domain.git import HEADS, TAGS, CommitId
from ebbflow.domain.ports import GitBackend
from ebbflow.domain.source_archive import TreeBounds, pack, parts_of
from ebbflow.services.repositories.git_access import GitAccess, Place
from ebbflow.services.repositories.repository_files import access_for_run


class SourceTrees:
    """Reads commits and packs them; the account is asked for anew each time.

    Credentials stay here: a pod gets files and nothing else.

    Every method raises NoAccess, GitError, and ClusterError where the account cannot be read.
    `user` is who reads: a Run.
    """

    def __init__(
        self, git: GitBackend, access: GitAccess, bounds: TreeBounds | None = None
    ) -> None:
        self._git = git
        self._access = access
        self._bounds = bounds or TreeBounds()

    async def find(self, user: Key, place: Place, ref: str) -> CommitId | None:
        """Return the commit that a branch or a tag names; None if there is neither of this name.

        Where there are both, the branch counts. Costs one listing.
        """
        granted = await access_for_run(self._access, user, place)
        names = (f"{HEADS}{ref}", f"{TAGS}{ref}")
        found = await self._git.ls_refs(granted.remote, names)
        return next((found[name] for name in names if name in found), None)

    async def parts(
        self, user: Key, place: Place, branch: str, commit: CommitId, directory: str
    ) -> tuple[bytes, ...]:
        """Return the packed files below a directory (empty: the root) of a commit of the branch.

        Raises ArchiveTooLarge too.
        """
        granted = await access_for_run(self._access, user, place)
        files = await self._git.read_tree(granted.remote, branch, commit, directory, self._bounds)
        return parts_of(await asyncio.to_thread(pack, files))
