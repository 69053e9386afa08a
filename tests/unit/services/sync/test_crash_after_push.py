"""Killed after the push: whatever came in between, the commit is never taken for another's edit."""

from __future__ import annotations

import pytest

from ebbflow.domain.ports import ClusterError, StaleWrite
from tests.support.memory_cluster import Killed
from tests.support.sync_world import FILE, SyncWorld


@pytest.mark.parametrize("call", ["apply status", "set pending write"])
async def test_a_new_edit_after_the_crash_is_no_conflict(world: SyncWorld, call: str) -> None:
    world.after_the_next_push(lambda: world.cluster.die_at(call))
    world.edit(REPLICAS="5")
    with pytest.raises(Killed):
        await world.reconcile()
    world.restart()
    world.edit(REPLICAS="6")
    await world.reconcile()
    assert world.ready()[1] == "InStep"
    assert b'"6"' in world.file()
    assert world.commits() == ["Update shop", "Update shop", "Begin"]
    assert world.shop().status.sync.pending_write is None


async def test_an_edit_during_the_push_of_another_is_no_conflict(world: SyncWorld) -> None:
    world.after_the_next_push(lambda: world.edit(REPLICAS="6"))
    world.edit(REPLICAS="5")
    with pytest.raises(StaleWrite):
        await world.reconcile()
    await world.reconcile()
    assert world.commits() == ["Update shop", "Update shop", "Begin"]
    assert b'"6"' in world.file()
    assert world.ready()[1] == "InStep"
    assert world.shop().status.sync.pending_write is None


async def test_a_push_that_arrives_late_is_no_edit_of_somebody_else(world: SyncWorld) -> None:
    """The push is lost from sight, given up for a newer edit, and arrives just before its push."""
    world.git.hold_next_push = True
    world.edit(REPLICAS="5")
    await world.reconcile()
    assert world.ready()[1] == "GitUnreachable"
    world.edit(REPLICAS="6")
    world.before_the_next_push(world.git.late.pop())
    await world.reconcile()
    assert world.ready()[1] == "InStep"
    assert b'"6"' in world.file()
    assert world.commits() == ["Update shop", "Update shop", "Begin"]


async def test_the_api_server_failing_after_the_push_costs_a_pass(world: SyncWorld) -> None:
    refusal = ClusterError("etcd is away", code=500)
    world.after_the_next_push(lambda: world.cluster.failures.append(refusal))
    world.edit(REPLICAS="5")
    with pytest.raises(ClusterError):
        await world.reconcile()
    world.clock.advance(1)
    await world.reconcile()
    assert world.commits() == ["Update shop", "Begin"]
    assert world.ready()[1] == "InStep"
    assert world.file() == FILE.replace(b'"2"', b'"5"')
