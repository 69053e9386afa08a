"""One repository of the Git servers in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from ebbflow.domain.git import CommitId, Credential, GitError
from tests.support.memory_objects import Objects


@dataclass
class MemoryRepository:
    """One repository on a server: objects, branches, and what the server does to requests."""

    objects: Objects = field(default_factory=Objects)
    branches: dict[str, CommitId] = field(default_factory=dict)
    tags: dict[str, CommitId] = field(default_factory=dict)
    credential: Credential | None = None
    refusal: str | None = None
    trouble: GitError | None = None
    time: int = 1_700_000_000
