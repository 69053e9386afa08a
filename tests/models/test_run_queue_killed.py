"""An operator that dies at any call leaves nothing that the next one does not end."""

from __future__ import annotations

import pytest

from ebbflow.api.run import RUN_FINALIZER
from ebbflow.domain.runs.queue import queue_key
from tests.support.memory_cluster import Killed
from tests.support.run_stage import SHOP, RunWorld, config_map

QUEUE = queue_key(SHOP)


async def die(world: RunWorld, after: int) -> bool:
    """Let the operator die after so many calls, and another go on; whether it came to that."""
    world.cluster.die_after(after)
    try:
        await world.settle()
    except Killed:
        pass
    else:
        return False
    world.restart()
    # A new process is told of all that is there.
    world.woken[:] = [QUEUE, *world.cluster.keys("Run")]
    await world.settle()
    return True


@pytest.mark.parametrize("policy", ["Allow", "Queue", "Forbid", "Latest", "Replace"])
async def test_whatever_call_an_operator_dies_at_the_next_one_ends_what_it_began(
    policy: str,
) -> None:
    for after in range(200):
        world = RunWorld()
        world.template(config_map("a", v="1"), config_map("b", v="2"), concurrencyPolicy=policy)
        for name in ("one", "two", "three"):
            world.ask(name)
        came = await die(world, after)
        phases = [world.phase(name) for name in ("one", "two", "three")]
        ran = phases.count("Succeeded")
        assert set(phases) <= {"Succeeded", "Skipped", "Cancelled"}, (after, phases)
        assert ran == 3 if policy in ("Allow", "Queue") else ran >= 1, (after, phases)
        assert not world.shop().status.active, after
        assert not world.shop().status.queue, after
        for name in ("one", "two", "three"):
            assert RUN_FINALIZER not in world.run(name).metadata.finalizers, after
            attempts = [node.attempt for node in world.run(name).status.nodes or ()]
            assert set(attempts) <= {1}, after
        if not came:
            assert after > 10
            return
    raise AssertionError("it never came to an end")
