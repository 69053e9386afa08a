"""Who made the commit that gave a file its content, as far as what is here tells."""

from __future__ import annotations

from typing import Final

from ebbflow.adapters.git.cache import ObjectCache
from ebbflow.adapters.git.trees import blob_at
from ebbflow.domain.git import CommitId, Signature, TooLarge

MAX_STEPS: Final = 100
"""Commits that are walked back; all of them are here, so this costs no request."""


def author_of(cache: ObjectCache, head: CommitId, path: str) -> Signature | None:
    """Return the author of the newest commit up to `head` that changed the file at `path`.

    First parents are followed: of a merge, that is who merged. None where a commit on the way is
    not here, or the file changed too long ago. Raises KeyError: `head` itself is not here.
    """
    reader = cache.reader(head)
    blob = blob_at(reader, path)
    for _ in range(MAX_STEPS):
        if not reader.commit.parents:
            return _author(reader.commit.author)
        parent = reader.commit.parents[0].decode()
        if not cache.has(parent):
            return None
        before = cache.reader(parent)
        try:
            differs = blob_at(before, path) != blob
        except TooLarge:
            # A directory that was too large, and no longer is: nothing to hold up anybody.
            return None
        if differs:
            return _author(reader.commit.author)
        reader = before
    return None


def _author(line: bytes) -> Signature:
    # Commits name their encoding if it is another; whose name it is can still be read then.
    return Signature.parse(line.decode(errors="replace"))
