"""What a document was last taken from Git as: noted on the object in the very write that took it.

The document is in the spec and the agreed base in the status, which are two writes. Killed between
them, or refused the second, the operator would find Git's content in the object and take it for an
edit of a person. So the write of the document brings an annotation along that says which file it
holds; until a status has been written for that generation, the annotation is the base.
"""

from __future__ import annotations

import json
from typing import Final

from ebbflow.api.base import GROUP, Metadata
from ebbflow.api.template import GitPlace, SyncStatus
from ebbflow.domain.foreign_json import read_foreign

TAKEN: Final = f"{GROUP}/taken"

_MAX_TEXT: Final = 16 * 1024


def note(metadata: Metadata, git: GitPlace, commit: str, blob: str, document_hash: str) -> str:
    """Return the annotation for an object whose spec is about to hold the file of a commit.

    `metadata` is that of the object before the write, which raises its generation by one.
    """
    taken = {
        "uid": metadata.uid,
        "generation": metadata.generation + 1,
        "repository": git.repository,
        "branch": git.branch,
        "path": git.path,
        "commit": commit,
        "blob": blob,
        "documentHash": document_hash,
    }
    return json.dumps(taken, separators=(",", ":"))


def synced(
    metadata: Metadata, observed_generation: int | None, sync: SyncStatus | None
) -> SyncStatus | None:
    """Return where both sides were last the same: the status, or the newer annotation.

    An annotation that was copied from another object, or that a status has caught up with, counts
    for nothing.
    """
    taken = read_foreign(metadata.annotations.get(TAKEN), _MAX_TEXT)
    if not isinstance(taken, dict) or taken.pop("uid", None) != metadata.uid:
        return sync
    generation = taken.pop("generation", None)
    if not isinstance(generation, int):
        return sync
    if not (observed_generation or 0) < generation <= metadata.generation:
        return sync
    place = ("repository", "branch", "path", "commit", "blob", "documentHash")
    if set(taken) != set(place) or not all(isinstance(taken[key], str) for key in place):
        return sync
    newer = SyncStatus.model_validate(taken)
    kept = {"last_editor": sync.last_editor, "pending_write": sync.pending_write} if sync else {}
    return newer.model_copy(update=kept)
