"""The world of the sync, as most tests of it find it."""

from __future__ import annotations

import pytest

from tests.support.sync_world import SyncWorld


async def begin() -> SyncWorld:
    world = SyncWorld()
    world.repository()
    world.template()
    await world.reconcile()
    return world


@pytest.fixture
async def world() -> SyncWorld:
    """A Template in step with its file; tests of Runs have a world of their own."""
    return await begin()


@pytest.fixture
async def in_step() -> SyncWorld:
    """The same, and nothing counted yet."""
    world = await begin()
    assert world.ready()[0] == "True"
    world.cluster.calls.clear()
    world.git.operations.clear()
    return world
