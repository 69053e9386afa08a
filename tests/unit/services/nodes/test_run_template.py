"""RunTemplate nodes: another Run, its end, and what it hands on."""

from __future__ import annotations

import pytest

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.run import Run
from ebbflow.domain.runs.chain import CHAIN, MAX_DEPTH, PARENT_RUN
from ebbflow.domain.runs.queue import queue_key
from tests.support import builders
from tests.support.run_stage import RunWorld, config_map

APPROVE = {"kind": "Approval", "spec": {}}
CALL = {"kind": "RunTemplate", "ref": "inner", "spec": {"source": {"name": "inner"}}}
INNER = Key("Template", "default", "inner")


def put_inner(world: RunWorld, *steps: JsonObject, **fields: object) -> None:
    document = {
        "apiVersion": "ebbflow.dev/v1",
        "arguments": {"SIZE": "1"},
        "spec": {"kind": "Workflow", "spec": {"type": "sequential", "steps": list(steps)}},
    }
    built = builders.template("inner").within("default").holding(document)
    world.cluster.put(built.spec(**fields).build())


def children(world: RunWorld) -> list[Run]:
    runs = [world.run(key.name) for key in world.cluster.keys("Run") if key.name != "one"]
    return [run for run in runs if run.spec.source.name == "inner"]


async def start(world: RunWorld, *steps: JsonObject, **spec: object) -> None:
    world.template(*(steps or (CALL,)))
    world.ask(**spec)
    await world.settle()


async def go_on(world: RunWorld) -> None:
    """Let the queue of the other Template take note of its Runs, as events make it do."""
    world.woken.append(queue_key(INNER))
    await world.settle()


async def test_the_other_run_begins_at_once_and_its_end_wakes_this_one(world: RunWorld) -> None:
    put_inner(world, config_map("made", v="${args.SIZE}"))
    call = CALL | {"spec": {**CALL["spec"], "arguments": {"SIZE": 3}}}
    await start(world, call)
    (child,) = children(world)
    assert world.phase() == "Succeeded"
    assert world.node("0").message == f"the Run {child.metadata.name} succeeded"
    assert world.objects.live("ConfigMap", "made")["data"] == {"v": "3"}
    assert child.metadata.annotations[PARENT_RUN] == "one"
    assert child.metadata.annotations[CHAIN] == "Template/shop"
    assert [owner.name for owner in child.metadata.owner_references] == ["inner"]


async def test_only_what_is_named_is_handed_on(world: RunWorld) -> None:
    put_inner(world, config_map("db", host="db-1", more="x" * 5000))
    await start(world, CALL, config_map("seen", host="${refs.inner.db.data.host}"))
    await go_on(world)
    assert world.phase() == "Succeeded"
    assert world.objects.live("ConfigMap", "seen")["data"] == {"host": "db-1"}
    (child,) = children(world)
    assert [node.outputs for node in child.status.nodes or ()] == [{"data": {"host": "db-1"}}]


async def test_a_killed_operator_makes_no_second_run(world: RunWorld) -> None:
    put_inner(world, APPROVE)
    await start(world)
    world.restart()
    await world.look()
    assert len(children(world)) == 1


async def test_each_attempt_has_a_run_of_its_own(world: RunWorld) -> None:
    put_inner(world, {"kind": "Delay", "spec": {"duration": "soon"}})
    await start(world, CALL | {"settings": {"maxAttempts": 2, "backoff": {"delay": 1}}})
    await go_on(world)
    assert world.node("0").phase == "Retrying"
    put_inner(world)
    world.advance(await world.look())
    await world.look()
    await go_on(world)
    assert world.phase() == "Succeeded"
    assert sorted(str(run.status.phase) for run in children(world)) == ["Failed", "Succeeded"]


async def test_the_failure_of_the_other_run_is_told_in_its_words(world: RunWorld) -> None:
    put_inner(world, {"kind": "Delay", "spec": {"duration": "soon"}})
    await start(world)
    await go_on(world)
    (child,) = children(world)
    message = world.node("0").message or ""
    assert message.startswith(f"the Run {child.metadata.name} ended as Failed: ")
    assert "duration" in message


async def test_a_run_that_is_skipped_fails_the_node_at_once(world: RunWorld) -> None:
    put_inner(world, APPROVE, concurrencyPolicy="Forbid")
    run = {"source": {"kind": "Template", "name": "inner"}}
    world.cluster.put(
        {"kind": "Run", "metadata": {"name": "busy", "namespace": "default"}, "spec": run}
    )
    await go_on(world)
    await start(world)
    await go_on(world)
    assert "ended as Skipped: busy was under way" in (world.node("0").message or "")


async def test_while_the_other_run_waits_for_people_so_does_this_one(world: RunWorld) -> None:
    put_inner(world, APPROVE)
    await start(world)
    await go_on(world)
    await world.look()
    assert world.phase() == "Waiting"
    assert "waits for 1 more approval" in (world.node("0").message or "")


async def test_cancelling_stops_the_other_run_too(world: RunWorld) -> None:
    put_inner(world, APPROVE)
    await start(world)
    await go_on(world)
    world.edit("one", cancel=True)
    await world.look()
    (child,) = children(world)
    assert child.spec.cancel
    await world.look(child.metadata.name)
    assert world.phase(child.metadata.name) == "Cancelled"
    assert world.phase() == "Cancelled"


async def test_a_time_out_stops_the_other_run_too(world: RunWorld) -> None:
    put_inner(world, APPROVE)
    await start(world, CALL | {"timeoutDuration": 60})
    world.clock.advance(60)
    await world.look()
    assert world.phase() == "Failed"
    assert children(world)[0].spec.cancel


async def test_a_run_that_is_deleted_is_told(world: RunWorld) -> None:
    put_inner(world, APPROVE)
    await start(world)
    (child,) = children(world)
    world.cluster.edit(child.key, lambda raw: raw["metadata"].update(finalizers=[]))
    world.cluster.delete(child.key)
    await world.look()
    assert "was deleted before its end was seen" in (world.node("0").message or "")


async def test_a_cycle_is_refused_where_it_closes(world: RunWorld) -> None:
    put_inner(world, {"kind": "RunTemplate", "spec": {"source": {"name": "shop"}}})
    await start(world)
    await go_on(world)
    assert world.phase() == "Failed"
    assert "Template shop → Template inner → Template shop" in (world.node("0").message or "")


async def test_runs_start_runs_only_so_deep(world: RunWorld) -> None:
    put_inner(world)
    world.template(CALL)
    world.ask()
    chain = ",".join(f"Template/t{number}" for number in range(MAX_DEPTH))
    key = Key("Run", "default", "one")
    world.cluster.edit(key, lambda raw: raw["metadata"].update(annotations={CHAIN: chain}))
    await world.settle()
    assert f"at most {MAX_DEPTH} deep" in (world.node("0").message or "")
    assert children(world) == []


async def test_a_dry_run_names_the_run_and_makes_none(world: RunWorld) -> None:
    put_inner(world, config_map("a", v="1"))
    await start(world, dryRun=True)
    (change,) = world.run().status.plan or ()
    assert change.object.startswith("ebbflow.dev/v1alpha1 Run default/inner-")
    assert children(world) == []


@pytest.mark.parametrize("by", ["ada", None], ids=["somebody", "nobody knows who"])
async def test_whoever_is_behind_a_run_is_behind_those_that_it_starts(
    world: RunWorld, by: str | None
) -> None:
    put_inner(world, {"kind": "Approval", "spec": {"excludeAuthor": True}})
    world.template(CALL)
    world.ask(by=by)
    await world.settle()
    await go_on(world)
    (child,) = children(world)
    trigger = child.status.trigger
    assert trigger is not None
    assert trigger.actor == by
    assert child.status.phase == ("Waiting" if by else "Failed")


# Who may start it


async def test_an_account_without_the_verb_starts_nothing(world: RunWorld) -> None:
    put_inner(world, config_map("made", v="1"))
    world.verbs.taken.add(("run", INNER, "default"))
    await start(world)
    assert world.phase() == "Failed"
    assert "default lacks run on Template/default/inner" in (world.node("0").message or "")
    assert children(world) == []


async def test_the_account_of_the_context_is_the_one_that_is_asked_about(world: RunWorld) -> None:
    put_inner(world, config_map("made", v="1"))
    world.verbs.taken.add(("run", INNER, "weak"))
    inner = {
        "kind": "Workflow",
        "spec": {"context": {"serviceAccountName": "weak"}, "steps": [CALL]},
    }
    await start(world, inner)
    assert "weak lacks run" in (world.node("0.0").message or "")


async def test_a_dry_run_tells_that_the_verb_is_missing(world: RunWorld) -> None:
    put_inner(world, config_map("made", v="1"))
    world.verbs.taken.add(("run", INNER, "default"))
    await start(world, dryRun=True)
    assert "default lacks run" in (world.node("0").message or "")


async def test_it_is_asked_once_for_each_attempt(world: RunWorld) -> None:
    put_inner(world, APPROVE)
    await start(world)
    await go_on(world)
    await world.look()
    assert world.phase() == "Waiting"
    assert world.verbs.asked == 1
