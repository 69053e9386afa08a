"""What the contract of the store of Runs happens in, and short words for what is in it."""

from __future__ import annotations

from typing import Protocol

from ebbflow.api.base import API_VERSION, JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.run import NodeStatus, Run, RunSpec, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.outcome import Done
from ebbflow.domain.ports import Cluster, StatusWriter
from ebbflow.domain.run_store import NewRun, RunStore, Snapshot
from ebbflow.domain.runs.queue import QueueState

SPEC = RunSpec.model_validate(
    {"source": {"kind": "Template", "name": "shop"}, "arguments": {"REPLICAS": 3, "NONE": None}}
)
BUSY = QueueState(active=("shop-1",), queue=("shop-2", "shop-3"), recent=("shop-0",), fence=7)
CONTENT = {
    "document": {"b": 1.0, "a": [None, {"ü <&>\u2028": 'x\n\t\x7f😀\\"'}], "long": 10**30},
    "timeout": "1h",
}
SNAPSHOT = Snapshot("shop-abc", CONTENT)
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

    async def remove(self, kind: str, name: str) -> None:
        """Delete an object as a user does."""
        ...

    async def raw(self, kind: str, name: str) -> JsonObject:
        """Read a Template, Run or ControllerRevision as it is stored."""
        ...

    async def announced(self, name: str) -> list[tuple[str, str, str]]:
        """Type, reason and note of a Run's events, oldest first."""
        ...


async def parent_of(world: World, name: str = "shop") -> Template:
    await world.make(
        {
            "apiVersion": API_VERSION,
            "kind": "Template",
            "metadata": {"name": name},
            "spec": {"document": {"apiVersion": "v1.2"}},
        }
    )
    return await template(world, name)


async def template(world: World, name: str = "shop") -> Template:
    found = await world.cluster.get(Template, world.namespace, name)
    assert found is not None
    return found


async def run(world: World, name: str) -> Run:
    found = await world.store.get(world.namespace, name)
    assert found is not None
    return found


async def started(world: World, name: str = "shop-1") -> Run:
    """A Run that a trigger started."""
    made = await world.store.create(NewRun(name, await parent_of(world), SPEC, "key"))
    assert made is not None
    return made


async def made_by_hand(world: World, name: str = "mine", **metadata: object) -> Run:
    await world.make(
        {
            "apiVersion": API_VERSION,
            "kind": "Run",
            "metadata": {"name": name, **metadata},
            "spec": {"source": {"kind": "Template", "name": "shop"}},
        }
    )
    return await run(world, name)


def node(number: int, phase: str = "Running", message: str | None = None) -> NodeStatus:
    return NodeStatus.model_validate(
        {
            "path": f"0.{number}",
            "ref": f"step-{number}",
            "kind": "Manifest",
            "phase": phase,
            "attempt": 1,
            "message": message,
            "startedAt": "2026-01-02T03:04:05.000006Z",
            "outputs": {"metadata": {"name": f"step-{number}"}, "nothing": None, "share": 0.5},
        }
    )


def status(*nodes: NodeStatus, **fields: object) -> RunStatus:
    return RunStatus.model_validate({"phase": "Running", "nodes": nodes or None, **fields})
