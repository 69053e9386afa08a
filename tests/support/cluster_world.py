"""What the contracts of the cluster and of the store of Runs happen in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ebbflow.api.base import JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.domain.outcome import Done
from ebbflow.domain.ports import Cluster, StatusWriter
from ebbflow.domain.run_store import RunStore

IN_STEP = Done(Reason.IN_STEP, "In step with main at ccccccc")


class World(Protocol):
    """A cluster with somebody in it who acts beside the operator."""

    @property
    def namespace(self) -> str: ...
    @property
    def cluster(self) -> Cluster: ...
    @property
    def writer(self) -> StatusWriter: ...
    @property
    def store(self) -> RunStore: ...
    @property
    def requests(self) -> int:
        """How many requests the operator has made."""
        ...

    async def make(self, raw: JsonObject) -> None:
        """Create a Template or a Run as a user does."""
        ...

    async def change(self, kind: str, name: str, change: JsonObject) -> None:
        """Merge into an object as a user does; null removes."""
        ...

    async def change_status(self, name: str, change: JsonObject) -> None:
        """Merge into a Template's status, as the writer of the queue does."""
        ...

    async def remove(self, kind: str, name: str) -> None:
        """Delete an object as a user does."""
        ...

    async def raw(self, kind: str, name: str) -> JsonObject:
        """Read a Template, Run or ControllerRevision as it is stored."""
        ...

    async def secret(
        self, name: str, data: Mapping[str, str], annotations: Mapping[str, str]
    ) -> None:
        """Create a Secret."""
        ...

    async def announced(self, kind: str, name: str) -> list[tuple[str, str, str]]:
        """Type, reason and note of an object's events, oldest first."""
        ...
