"""runNodeOnce: a node that one Run of a source has brought to its end is Skipped later."""

from __future__ import annotations

import pytest

from ebbflow.api.base import JsonObject
from tests.support.run_stage import RunWorld, config_map

SEED = {"kind": "HTTP", "ref": "seed", "spec": {"url": "https://db.example.com/seed"}}
ONCE = {**SEED, "runNodeOnce": True}
APPROVE = {"kind": "Approval", "spec": {}}


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


def seeded(world: RunWorld) -> int:
    return len(world.http.requests)


def loop_of(*steps: JsonObject, items: int = 2) -> JsonObject:
    return {
        "kind": "LoopWorkflow",
        "spec": {"iterations": list(range(items)), "steps": list(steps)},
    }


async def test_later_runs_skip_it_and_name_the_run_that_did_it(world: RunWorld) -> None:
    world.template(ONCE, config_map("a", v="1"))
    await world.has_run("one")
    assert world.phases() == {"0": "Succeeded", "1": "Succeeded"}
    for name in ("two", "three"):
        await world.has_run(name)
        node = world.node("0", name)
        assert (node.phase, node.message) == (
            "Skipped",
            "runNodeOnce is true, and the Run one did it",
        )
        assert world.phase(name) == "Succeeded"
    assert seeded(world) == 1


async def test_it_is_remembered_after_a_restart_and_after_the_history_lost_the_run(
    world: RunWorld,
) -> None:
    world.template(ONCE, history={"succeeded": 1, "failed": 1})
    for name in ("one", "two", "three"):
        world.clock.advance(60)
        await world.has_run(name)
        world.restart()
        await world.settle()
    assert "one" not in [key.name for key in world.cluster.keys("Run")]
    assert "the Run one did it" in (world.node("0", "three").message or "")
    assert seeded(world) == 1


async def test_a_run_in_which_it_failed_does_not_count(world: RunWorld) -> None:
    world.http.answer(500, "no")
    world.template(ONCE)
    await world.has_run("one")
    assert world.phase() == "Failed"
    await world.has_run("two")
    assert world.phases("two") == {"0": "Succeeded"}
    await world.has_run("three")
    assert "the Run two did it" in (world.node("0", "three").message or "")


async def test_a_run_that_failed_later_counts(world: RunWorld) -> None:
    world.template(ONCE, {"kind": "Manifest", "spec": {"manifest": {"kind": "ConfigMap"}}})
    await world.has_run("one")
    assert world.phase() == "Failed"
    await world.has_run("two")
    assert world.phases("two")["0"] == "Skipped"


async def test_a_dry_run_counts_for_nothing_and_tells_that_it_would_be_skipped(
    world: RunWorld,
) -> None:
    world.template({**config_map("a", v="1"), "runNodeOnce": True})
    await world.has_run("dry", dryRun=True)
    await world.has_run("one")
    assert world.phases() == {"0": "Succeeded"}
    dry = await world.has_run("dry-again", dryRun=True)
    assert dry.status.plan == ()
    assert world.phases("dry-again") == {"0": "Skipped"}


async def test_a_node_with_a_ref_may_move_within_the_document(world: RunWorld) -> None:
    world.template(ONCE)
    await world.has_run("one")
    world.change(config_map("a", v="1"), ONCE)
    await world.has_run("two")
    assert world.phases("two") == {"0": "Succeeded", "1": "Skipped"}


async def test_nodes_without_it_run_each_time(world: RunWorld) -> None:
    world.template(SEED, {**SEED, "ref": "other", "runNodeOnce": "false"})
    await world.has_run("one")
    await world.has_run("two")
    assert seeded(world) == 4


async def test_in_a_loop_it_counts_once_the_loop_has_succeeded(world: RunWorld) -> None:
    world.template(loop_of(ONCE, config_map("a-${loop.index}", v="1")))
    await world.has_run("one")
    await world.has_run("two")
    assert world.phase("two") == "Succeeded"
    assert seeded(world) == 2


async def test_a_workflow_can_run_once_as_a_whole(world: RunWorld) -> None:
    steps = {"kind": "Workflow", "spec": {"type": "sequential", "steps": [SEED, APPROVE]}}
    world.template({**steps, "runNodeOnce": True})
    await world.has_run("one")
    world.edit("one", approvals=[{"node": "0.1", "user": "ada", "decision": "Approve"}])
    await world.look_until("Succeeded")
    await world.has_run("two")
    assert world.phases("two") == {"0": "Skipped"}


async def test_another_template_of_the_name_begins_anew(world: RunWorld) -> None:
    world.template(ONCE)
    await world.has_run("one")
    world.cluster.delete(world.shop().key)
    world.cluster.delete(world.run("one").key)
    world.template(ONCE)
    await world.has_run("two")
    assert world.phases("two") == {"0": "Succeeded"}
