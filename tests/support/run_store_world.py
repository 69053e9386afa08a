"""Short words for what is in the world of the contract of the store of Runs."""

from __future__ import annotations

from ebbflow.api.base import API_VERSION
from ebbflow.api.run import NodeStatus, Run, RunSpec, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.run_store import NewRun, Snapshot
from ebbflow.domain.runs.queue import QueueState
from tests.support.cluster_world import World

SPEC = RunSpec.model_validate(
    {"source": {"kind": "Template", "name": "shop"}, "arguments": {"REPLICAS": 3, "NONE": None}}
)
BUSY = QueueState(active=("shop-1",), queue=("shop-2", "shop-3"), recent=("shop-0",), fence=7)
CONTENT = {
    "document": {"b": 1.0, "a": [None, {"ü <&>\u2028": 'x\n\t\x7f😀\\"'}], "long": 10**30},
    "timeout": "1h",
}
SNAPSHOT = Snapshot("shop-abc", CONTENT)


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


async def started(world: World, name: str = "shop-1", *, held: bool = True) -> Run:
    """A Run that a trigger started."""
    made = await world.store.create(NewRun(name, await parent_of(world), SPEC, "key", held=held))
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
