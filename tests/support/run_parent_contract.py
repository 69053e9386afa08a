"""What every RunStore must do with the parent of Runs: the fake and the real API server alike."""

from __future__ import annotations

import pytest

from ebbflow.api.template import Template
from ebbflow.domain.outcome import Report
from ebbflow.domain.ports import StaleWrite
from ebbflow.domain.run_store import (
    SOURCE_FINALIZER,
)
from ebbflow.domain.runs.queue import QueueState, read_queue
from tests.support.cluster_world import IN_STEP, World
from tests.support.run_store_world import (
    BUSY,
    parent_of,
    template,
)


class RunParentContract:
    """Subclasses give the fixture `world`."""

    # The queue of the parent

    async def test_a_queue_is_written_and_read_back(self, world: World) -> None:
        before = await parent_of(world)
        stored = await world.store.write_queue(before, BUSY)
        assert read_queue(stored.status) == BUSY
        assert stored.metadata.generation == before.metadata.generation
        assert await template(world) == stored
        empty = await world.store.write_queue(stored, QueueState(fence=8))
        assert read_queue(empty.status) == QueueState(fence=8)
        assert await template(world) == empty

    async def test_the_same_queue_again_makes_no_request(self, world: World) -> None:
        before = await parent_of(world)
        count = world.requests
        assert await world.store.write_queue(before, QueueState()) == before
        assert world.requests == count
        stored = await world.store.write_queue(before, BUSY)
        assert await world.store.write_queue(stored, BUSY) == stored
        assert world.requests == count + 1

    async def test_what_goes_with_a_queue_is_set_kept_and_taken_away(self, world: World) -> None:
        last = {"name": "shop-0", "phase": "Failed"}
        more = {"lastRun": last, "inventory": {"count": 3}}
        stored = await world.store.write_queue(await parent_of(world), BUSY, more)
        kept = await world.store.write_queue(stored, QueueState(fence=8))
        assert kept.status.last_run is not None
        assert kept.status.last_run.dump() == last
        count = world.requests
        assert await world.store.write_queue(kept, QueueState(fence=8), more) == kept
        assert world.requests == count
        less = await world.store.write_queue(kept, QueueState(fence=8), {"inventory": None})
        assert less.status.inventory is None
        assert less.status.last_run == kept.status.last_run
        assert await template(world) == less
        assert await world.store.write_queue(less, QueueState(fence=8), {"hold": None}) == less
        await world.writer.write(Report(less, IN_STEP, {}))
        assert (await template(world)).status.last_run == kept.status.last_run

    async def test_a_queue_over_an_edit_is_stale(self, world: World) -> None:
        before = await parent_of(world)
        await world.change("Template", "shop", {"spec": {"suspend": True}})
        with pytest.raises(StaleWrite):
            await world.store.write_queue(before, BUSY)
        assert read_queue((await template(world)).status) == QueueState()

    async def test_of_two_who_read_the_same_only_one_writes_the_queue(self, world: World) -> None:
        before = await parent_of(world)
        await world.store.write_queue(before, QueueState(active=("a",)))
        with pytest.raises(StaleWrite):
            await world.store.write_queue(before, QueueState(active=("b",)))
        assert read_queue((await template(world)).status).active == ("a",)

    async def test_a_queue_of_a_deleted_parent_is_stale(self, world: World) -> None:
        before = await parent_of(world)
        await world.remove("Template", "shop")
        with pytest.raises(StaleWrite):
            await world.store.write_queue(before, BUSY)

    async def test_the_status_writer_neither_sends_nor_counts_the_queue(self, world: World) -> None:
        seen = await world.store.write_queue(await parent_of(world), BUSY)
        moved = await world.store.write_queue(seen, QueueState(recent=("shop-9",), fence=9))
        await world.writer.write(Report(seen, IN_STEP, seen.status.dump()))
        written = await template(world)
        assert read_queue(written.status) == read_queue(moved.status)
        assert [c.type for c in written.status.conditions] == ["Ready"]
        count = world.requests
        await world.writer.write(Report(written, IN_STEP, {}))
        assert world.requests == count
        emptied = await world.store.write_queue(written, QueueState(fence=9))
        assert emptied.status.conditions == written.status.conditions

    # Holding the parent

    async def test_a_parent_is_held_until_it_is_let_go(self, world: World) -> None:
        parent = await parent_of(world)
        held = await world.store.hold(parent, held=True)
        assert held.metadata.finalizers == (SOURCE_FINALIZER,)
        count = world.requests
        assert await world.store.hold(held, held=True) == held
        assert world.requests == count
        with pytest.raises(StaleWrite):
            await world.store.hold(parent, held=True)
        await world.remove("Template", "shop")
        await world.store.hold(await template(world), held=False)
        assert await world.cluster.get(Template, world.namespace, "shop") is None
