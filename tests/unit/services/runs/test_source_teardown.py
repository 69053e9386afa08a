"""teardownSpec: it runs when its Template is deleted, before what runs made goes."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.objects import ObjectError
from ebbflow.domain.runs.queue import queue_key
from ebbflow.services.runs.run_start import TEARDOWN_TIMEOUT
from tests.support.run_stage import SHOP, RunWorld, config_map

FAILS = {"kind": "HTTP", "spec": {"url": "https://hooks.example.com/down"}}
APPROVE = {"kind": "Approval", "spec": {}}
GOODBYE = config_map("goodbye", was="${refs.a.data.v}", shop="${args.NAME}")


@pytest.fixture
def world() -> RunWorld:
    world = RunWorld()
    world.http.answer(500, "no")
    return world


async def lived(world: RunWorld, *steps: JsonObject, policy: str = "ignore", **spec: Any) -> None:
    """Have a Template whose Run `one` made the ConfigMap `a`; its teardown has these steps."""
    fields = {"deletionPolicy": "Delete", **spec}
    world.template(config_map("a", v="1"), arguments={"NAME": "shop"}, **fields)
    set_teardown(world, *steps, policy=policy)
    await world.has_run("one")
    assert world.objects.names() == ["ConfigMap default/a"]


def set_teardown(world: RunWorld, *steps: JsonObject, policy: str = "ignore") -> None:
    down = {"kind": "Workflow", "spec": {"type": "sequential", "steps": list(steps)}}
    teardown = {"spec": down, "failurePolicy": policy}
    world.cluster.edit(SHOP, lambda raw: raw["spec"]["document"].update(teardownSpec=teardown))


async def delete(world: RunWorld) -> None:
    world.cluster.delete(SHOP)
    await follow(world)


async def follow(world: RunWorld) -> None:
    """Make passes over the queue for as long as one asks for the next one."""
    for _ in range(20):
        world.woken.append(queue_key(SHOP))
        await world.settle()
        if gone(world) or (down(world) is not None and world.run(name(world)).status.finished_at):
            break
    if not gone(world):
        await world.settle()


def gone(world: RunWorld) -> bool:
    return world.cluster.raw(SHOP) is None


def down(world: RunWorld) -> Run | None:
    runs = [world.run(key.name) for key in world.cluster.keys("Run")]
    return next((run for run in runs if run.metadata.name.startswith("shop-")), None)


def name(world: RunWorld) -> str:
    run = down(world)
    assert run is not None, "there is no teardown"
    return run.metadata.name


def ready(world: RunWorld) -> tuple[str, str | None, str]:
    raw = world.cluster.raw(SHOP)
    assert raw is not None
    found = next(c for c in Template.parse(raw).status.conditions if c.type == "Ready")
    return found.status, found.reason, found.message or ""


async def test_it_runs_before_what_runs_made_goes(world: RunWorld) -> None:
    seen: list[JsonObject] = []

    def look(call: str) -> ObjectError | None:
        if call.startswith("delete ConfigMap default/goodbye"):
            seen.append(world.objects.live("ConfigMap", "goodbye")["data"])
        return None

    world.objects.refusals.append(look)
    await lived(world, GOODBYE)
    await delete(world)
    assert gone(world)
    # It read what the last run that succeeded had made, and the arguments.
    assert seen == [{"was": "1", "shop": "shop"}]
    # What the teardown made is something that runs made.
    assert world.objects.names() == []


async def test_it_is_a_run_of_its_own_that_says_what_it_is(world: RunWorld) -> None:
    await lived(world, APPROVE)
    await delete(world)
    run = world.run(name(world))
    assert run.status.trigger is not None
    assert run.status.trigger.type == "Teardown"
    assert [node.path for node in run.status.nodes or ()] == ["teardown.0"]
    assert run.spec.reason == "the Template shop is being deleted"
    assert not gone(world)
    assert world.objects.names() == ["ConfigMap default/a"]


async def test_with_orphan_nothing_is_torn_down(world: RunWorld) -> None:
    await lived(world, GOODBYE, deletionPolicy="Orphan")
    await delete(world)
    assert gone(world)
    assert world.objects.names() == ["ConfigMap default/a"]
    assert down(world) is None


async def test_a_failure_is_told_once_and_the_rest_goes_on(world: RunWorld) -> None:
    await lived(world, FAILS)
    await delete(world)
    assert gone(world)
    assert world.objects.names() == []
    (told,) = world.announced("TeardownFailed")
    assert "failurePolicy is ignore" in told
    assert "HTTP teardown.0" in told


async def test_a_failure_that_blocks_says_which_run_and_what_to_do(world: RunWorld) -> None:
    await lived(world, FAILS, policy="block")
    await delete(world)
    assert not gone(world)
    assert world.objects.names() == ["ConfigMap default/a"]
    status, reason, message = ready(world)
    assert (status, reason) == ("False", "TeardownFailed")
    assert f"kubectl delete runs.ebbflow.dev {name(world)} -n default" in message
    assert "remove teardownSpec" in message
    assert "deletionPolicy to Orphan" in message


async def test_a_blocked_deletion_tries_nothing_by_itself(world: RunWorld) -> None:
    await lived(world, FAILS, policy="block")
    await delete(world)
    asked = len(world.http.requests)
    for _ in range(3):
        world.clock.advance(3600)
        await world.one_pass(queue_key(SHOP))
    world.restart()
    await world.one_pass(queue_key(SHOP))
    assert len(world.http.requests) == asked
    assert not gone(world)


async def test_deleting_the_failed_run_tries_again(world: RunWorld) -> None:
    await lived(world, FAILS, policy="block")
    await delete(world)
    failed = world.run(name(world))
    world.http.answer(200, "yes")
    world.cluster.clock.advance(60)
    world.cluster.delete(failed.key)
    await follow(world)
    assert gone(world)
    assert world.objects.names() == []


@pytest.mark.parametrize(
    "give_up",
    [
        pytest.param(
            lambda raw: raw["spec"]["document"].pop("teardownSpec"), id="without-the-teardown"
        ),
        pytest.param(lambda raw: raw["spec"].update(deletionPolicy="Orphan"), id="orphan"),
    ],
)
async def test_people_can_let_go_without_it(world: RunWorld, give_up: Any) -> None:
    await lived(world, FAILS, policy="block")
    await delete(world)
    world.cluster.edit(SHOP, give_up)
    await follow(world)
    assert gone(world)
    run = down(world)
    assert run is not None
    assert run.metadata.finalizers == ()


async def test_an_operator_killed_in_the_middle_goes_on(world: RunWorld) -> None:
    await lived(world, config_map("first", v="1"), APPROVE, config_map("last", v="1"))
    await delete(world)
    assert world.objects.names() == ["ConfigMap default/a", "ConfigMap default/first"]
    world.restart()
    said = {"node": "teardown.1", "user": "ada", "decision": "Approve"}
    world.edit(name(world), approvals=[said])
    await world.look(name(world))
    await follow(world)
    assert gone(world)
    assert world.objects.names() == []


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        pytest.param({"timeout": "5m"}, 300, id="of-the-template"),
        pytest.param({}, TEARDOWN_TIMEOUT.total_seconds(), id="an-hour-by-default"),
    ],
)
async def test_it_takes_no_longer_than_the_timeout(
    world: RunWorld, given: JsonObject, seconds: float
) -> None:
    await lived(world, APPROVE, **given)
    await delete(world)
    world.clock.advance(seconds - 1)
    await world.look(name(world))
    assert world.phase(name(world)) == "Waiting"
    world.clock.advance(1)
    await world.look(name(world))
    await follow(world)
    assert gone(world)
    assert "took longer than" in world.announced("TeardownFailed")[0]


async def test_a_collector_that_takes_the_run_along_does_not_stop_it(world: RunWorld) -> None:
    await lived(world, APPROVE, policy="block")
    await delete(world)
    world.cluster.delete(Key("Run", "default", name(world)))
    await world.look(name(world))
    assert world.phase(name(world)) == "Waiting"


async def test_cancelling_it_counts_as_a_failure(world: RunWorld) -> None:
    await lived(world, APPROVE, policy="block")
    await delete(world)
    world.edit(name(world), cancel=True)
    await world.look(name(world))
    await follow(world)
    assert ready(world)[1] == "TeardownFailed"
