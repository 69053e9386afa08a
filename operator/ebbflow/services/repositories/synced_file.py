"""The file that a document came from, to tell the line of a fault."""

from __future__ import annotations

import asyncio

from ebbflow.api.template import Template
from ebbflow.domain.access import Refused
from ebbflow.domain.document import InvalidDocument, ParsedDocument, document_hash, parse
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.git import GitError
from ebbflow.domain.ports import ClusterError, GitBackend
from ebbflow.domain.sync import synced_of
from ebbflow.services.repositories.git_access import GitAccess


class SyncedFiles:
    """Reads files out of the local cache; nothing is asked of the Git server."""

    def __init__(self, git: GitBackend, access: GitAccess) -> None:
        self._git = git
        self._access = access

    async def find(self, parent: Template, document: dict[str, Json]) -> ParsedDocument | None:
        """Return the file that holds exactly this document of `parent`.

        None if it is not synced, was edited since, or cannot be had at the moment: then a field
        path has to do.
        """
        place, synced = parent.spec.git, synced_of(parent)
        if place is None or synced is None or not synced.blob:
            return None
        try:
            granted = await self._access.resolve(parent.key, place)
            if isinstance(granted, Refused):
                return None
            data = await self._git.read_blob(granted.remote, synced.blob)
            if data is None:
                return None
            return await asyncio.to_thread(_same, data, place.path, document)
        except (ClusterError, GitError, InvalidDocument):
            return None


def _same(data: bytes, path: str, document: dict[str, Json]) -> ParsedDocument | None:
    parsed = parse(data, path)
    return parsed if document_hash(parsed.value) == document_hash(document) else None
