"""The fake store of Runs keeps the contract of the real one."""

from __future__ import annotations

import pytest

from ebbflow.api.base import Key
from tests.support.memory_world import MemoryWorld
from tests.support.run_parent_contract import RunParentContract
from tests.support.run_store_contract import RunStoreContract
from tests.support.run_store_world import SNAPSHOT, made_by_hand, started


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


class TestMemoryRunStore(RunStoreContract, RunParentContract):
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
