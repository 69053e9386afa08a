"""The fake store of Runs keeps the contract of the real one."""

from __future__ import annotations

import pytest

from ebbflow.api.base import JsonObject, Key
from tests.support.memory_cluster import MemoryCluster, MemoryStatusWriter
from tests.support.memory_run_store import MemoryRunStore
from tests.support.run_store_contract import RunStoreContract
from tests.support.run_store_world import SNAPSHOT, made_by_hand, started
from tests.unit.adapters.kube.test_memory_cluster import merge


class MemoryWorld:
    namespace = "default"

    def __init__(self) -> None:
        self.cluster = MemoryCluster()
        self.writer = MemoryStatusWriter(self.cluster)
        self.store = MemoryRunStore(self.cluster)

    @property
    def requests(self) -> int:
        return len(self.cluster.calls)

    def _key(self, kind: str, name: str) -> Key:
        return Key(kind, self.namespace, name)

    async def make(self, raw: JsonObject) -> None:
        self.cluster.put(raw)

    async def change(self, kind: str, name: str, change: JsonObject) -> None:
        self.cluster.edit(self._key(kind, name), lambda raw: merge(raw, change))

    async def remove(self, kind: str, name: str) -> None:
        self.cluster.delete(self._key(kind, name))

    async def raw(self, kind: str, name: str) -> JsonObject:
        found = self.cluster.raw(self._key(kind, name))
        assert found is not None
        return found

    async def announced(self, name: str) -> list[tuple[str, str, str]]:
        return [
            ("Warning" if warning else "Normal", reason, message)
            for key, reason, message, warning in self.store.events
            if key == self._key("Run", name)
        ]


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


class TestMemoryRunStore(RunStoreContract):
    async def test_what_a_parent_owned_goes_with_it(self, world: MemoryWorld) -> None:
        released = await world.store.release(await started(world))
        mine = await made_by_hand(world)
        await world.store.keep(SNAPSHOT, released)
        await world.remove("Template", "shop")
        world.cluster.collect_garbage()
        assert world.cluster.keys() == (mine.key,)

    async def test_a_held_run_outlives_its_parent(self, world: MemoryWorld) -> None:
        held = await started(world)
        await world.remove("Template", "shop")
        world.cluster.collect_garbage()
        found = await world.store.get("default", "shop-1")
        assert found is not None
        assert found.metadata.deletion_timestamp
        assert found.metadata.generation == held.metadata.generation + 1

    async def test_a_run_that_does_not_fit_is_left_out(self, world: MemoryWorld) -> None:
        await started(world)
        odd = (await made_by_hand(world, "odd")).key
        world.cluster.edit(odd, lambda raw: raw.update(status={"phase": "Odd"}))
        found = await world.store.runs_of(Key("Template", "default", "shop"))
        assert [run.metadata.name for run in found] == ["shop-1"]
