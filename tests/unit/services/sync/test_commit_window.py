"""Edits that come shortly after one another are one commit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ebbflow.domain.outcome import Postponed, Report
from tests.support import builders
from tests.support.sync_world import FILE, SHOP, SyncWorld


@pytest.fixture
async def world() -> SyncWorld:
    world = SyncWorld(window=timedelta(seconds=2))
    world.repository()
    world.template()
    await world.reconcile()
    world.cluster.calls.clear()
    return world


async def waits(world: SyncWorld) -> float:
    """Make a pass that is postponed; for how many seconds."""
    result = await world.reconcile()
    assert isinstance(result, Postponed)
    return result.after.total_seconds()


async def test_an_edit_waits_for_others_without_a_word(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    assert await waits(world) == 2
    assert world.file() == FILE
    assert [call.split()[0] for call in world.cluster.calls] == ["get"]


async def test_edits_within_the_window_are_one_commit(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await waits(world)
    world.clock.advance(1.5)
    world.edit(COLOUR="blue")
    assert await waits(world) == pytest.approx(0.5)
    world.clock.advance(0.5)
    await world.reconcile()
    assert world.commits() == ["Update shop", "Begin"]
    assert world.file() == FILE.replace(b'"2"', b'"5"').replace(b"red", b"blue")


async def test_somebody_who_edits_all_the_time_gets_a_commit_every_window(world: SyncWorld) -> None:
    for second in range(7):
        world.edit(REPLICAS=str(10 + second))
        await world.reconcile()
        world.clock.advance(1)
    assert world.commits() == ["Update shop", "Update shop", "Begin"]


async def test_the_next_edit_has_a_window_of_its_own(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await waits(world)
    world.clock.advance(2)
    assert isinstance(await world.reconcile(), Report)
    world.clock.advance(60)
    world.edit(REPLICAS="6")
    assert await waits(world) == 2


async def test_an_edit_that_is_taken_back_closes_the_window(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await waits(world)
    world.clock.advance(1)
    world.edit(REPLICAS="2")
    assert isinstance(await world.reconcile(), Report)
    world.edit(REPLICAS="7")
    assert await waits(world) == 2
    assert world.commits() == ["Begin"]


async def test_who_asks_for_a_pass_now_need_not_wait(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await waits(world)
    world.annotate(requested_at="1")
    assert isinstance(await world.reconcile(), Report)
    assert world.commits() == ["Update shop", "Begin"]


async def test_who_resolves_a_conflict_need_not_wait(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    world.push_seen(FILE.replace(b'"2"', b'"7"'))
    await world.reconcile()
    assert world.ready()[1] == "Conflict"
    world.annotate(resolve="cluster")
    assert isinstance(await world.reconcile(), Report)
    assert world.commits() == ["Update shop", "By hand", "Begin"]


async def test_a_push_of_another_field_meanwhile_is_in_the_same_commit(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await waits(world)
    world.push_seen(FILE.replace(b"red", b"blue"))
    assert await waits(world) == 2
    world.clock.advance(2)
    await world.reconcile()
    assert world.commits() == ["Update shop", "By hand", "Begin"]
    assert world.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}


async def test_a_file_that_does_not_exist_is_created_at_once() -> None:
    world = SyncWorld(window=timedelta(seconds=2))
    world.repository(None)
    world.template(builders.document({"REPLICAS": "2"}))
    assert isinstance(await world.reconcile(), Report)
    assert world.commits() == ["Update shop", "Begin"]


async def test_an_object_that_goes_takes_its_window_along(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await waits(world)
    world.cluster.delete(SHOP)
    await world.reconcile()
    world.clock.advance(1)
    world.template()
    await world.reconcile()
    world.edit(REPLICAS="5")
    assert await waits(world) == 2
