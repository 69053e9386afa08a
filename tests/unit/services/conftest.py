"""The world of the sync, as most tests of it find it."""

from __future__ import annotations

import pytest

from tests.support.sync_world import SyncWorld


@pytest.fixture
async def world() -> SyncWorld:
    """A Template in step with its file; tests of Runs have a world of their own."""
    world = SyncWorld()
    world.repository()
    world.template()
    await world.reconcile()
    return world
