"""The turns that Runs of one Template take, and what becomes of them when things go wrong."""

from __future__ import annotations

import pytest

from ebbflow.api.base import Key
from ebbflow.domain.objects import Busy
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.runs.admission import BATCH
from ebbflow.domain.runs.queue import queue_key
from ebbflow.domain.runs.turns import LOST_AFTER
from ebbflow.services.runs.queue_places import PLACES_EVERY
from tests.support.run_stage import SHOP, RunWorld, config_map

HOUR = {"kind": "Delay", "spec": {"duration": "1h"}}
QUEUE = queue_key(SHOP)


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


def key(name: str) -> Key:
    return Key("Run", "default", name)


def said(world: RunWorld, name: str) -> tuple[str | None, str | None, str | None]:
    status = world.run(name).status
    return status.phase, status.reason, status.message


def written(world: RunWorld) -> list[str]:
    """The calls since the last clearing that were no reads."""
    return [call for call in world.cluster.calls if call.split()[0] not in ("get", "list")]


async def under_way(world: RunWorld, policy: str, *names: str, **spec: object) -> None:
    """Have Runs of an hour asked for, one after the other."""
    world.template(HOUR, concurrencyPolicy=policy, **spec)
    for name in names:
        world.ask(name)
        await world.settle()


async def ended(world: RunWorld, name: str) -> None:
    world.edit(name, cancel=True)
    await world.look(name)
    await world.settle()


# What it says


async def test_a_run_that_is_replaced_names_its_successor(world: RunWorld) -> None:
    await under_way(world, "Replace", "one", "two")
    await world.look("one")
    await world.settle()
    assert said(world, "one") == ("Cancelled", "Replaced", "replaced by the Run two")
    assert world.phases("one") == {"0": "Cancelled"}
    assert world.phase("two") == "Waiting"


async def test_one_that_is_replaced_before_it_began_names_its_successor(world: RunWorld) -> None:
    world.template(HOUR, concurrencyPolicy="Replace")
    world.ask("one")
    await world.one_pass(QUEUE)
    world.ask("two")
    await world.one_pass(QUEUE)
    world.woken.clear()
    await world.look("one")
    assert said(world, "one") == ("Cancelled", "Replaced", "replaced by the Run two")


async def test_one_that_a_person_cancels_says_so(world: RunWorld) -> None:
    await under_way(world, "Queue", "one", "two")
    await ended(world, "one")
    assert said(world, "one") == ("Cancelled", "Cancelled", "Cancelled: spec.cancel is true")


async def test_one_that_takes_too_long_is_stopped(world: RunWorld) -> None:
    await under_way(world, "Allow", "one", timeout="10m")
    world.advance(await world.look("one"))
    await world.look("one")
    assert said(world, "one")[:2] == ("Failed", "TimedOut")
    assert world.phases("one") == {"0": "Cancelled"}
    await world.settle()
    assert world.shop().status.active == ()


# What it costs


async def test_a_pass_over_an_unchanged_queue_writes_nothing(world: RunWorld) -> None:
    await under_way(world, "Queue", "one", "two", "three")
    world.clock.advance(60)
    await world.one_pass(QUEUE)
    world.cluster.calls.clear()
    await world.one_pass(QUEUE)
    assert written(world) == []


async def test_a_run_by_hand_takes_so_many_requests(world: RunWorld) -> None:
    await world.start(config_map("a", v="1"))
    assert [call.split(" Run")[0].split(" Contr")[0] for call in world.cluster.calls] == [
        "get Template/default/shop",
        "list",
        "tie",
        "write queue of Template/default/shop",
        "keep",
        "write status of",
        "keep",  # the inventory of what was made
        "write queue of Template/default/shop",
        "write status of",
        "write queue of Template/default/shop",
        "release",
    ]


async def test_places_far_back_are_told_now_and_then(world: RunWorld) -> None:
    names = [f"r{number}" for number in range(6)]
    await under_way(world, "Queue", *names)
    world.clock.advance(60)
    await world.one_pass(QUEUE)
    world.cluster.calls.clear()
    await ended(world, "r0")
    await ended(world, "r1")
    assert [world.run(name).status.position for name in names[3:]] == [1, 4, 5]
    later = await world.one_pass(QUEUE)
    assert later is not None
    assert later.after <= PLACES_EVERY
    world.advance(later)
    await world.one_pass(QUEUE)
    assert [world.run(name).status.position for name in names[3:]] == [1, 2, 3]


async def test_a_process_that_has_just_started_gives_turns_before_it_tells_places(
    world: RunWorld,
) -> None:
    names = [f"r{number}" for number in range(6)]
    await under_way(world, "Queue", *names)
    await ended(world, "r0")
    world.restart()
    world.cluster.calls.clear()
    later = await world.one_pass(QUEUE)
    assert written(world) == []
    world.advance(later)
    await world.one_pass(QUEUE)
    assert [world.run(name).status.position for name in names[2:]] == [1, 2, 3, 4]


# What goes wrong


async def test_a_run_that_is_cancelled_from_the_first_never_begins(world: RunWorld) -> None:
    world.template(HOUR)
    world.ask("one", cancel=True)
    await world.settle()
    assert world.phase("one") == "Cancelled"
    assert world.run("one").metadata.finalizers == ()


async def test_a_run_that_is_deleted_while_it_runs_is_stopped_and_goes(world: RunWorld) -> None:
    await under_way(world, "Queue", "one", "two")
    world.cluster.delete(key("one"))
    await world.look("one")
    assert said(world, "one") == ("Cancelled", "Cancelled", "Cancelled: it was deleted")
    await world.settle()
    assert world.cluster.raw(key("one")) is None
    assert world.phase("two") == "Waiting"


@pytest.mark.parametrize("anew", [False, True], ids=["for-good", "and-made-anew"])
async def test_what_runs_ends_when_its_template_is_deleted(world: RunWorld, anew: bool) -> None:
    await under_way(world, "Queue", "one", "two")
    world.cluster.delete(SHOP)
    if anew:
        world.template(HOUR, concurrencyPolicy="Queue")
    world.cluster.collect_garbage()
    await world.settle()
    for name in ("one", "two"):
        assert world.cluster.raw(key(name)) is None
    if anew:
        world.ask("three")
        await world.settle()
        assert world.phase("three") == "Waiting"


async def test_a_run_whose_template_is_gone_says_so(world: RunWorld) -> None:
    await under_way(world, "Queue", "one", "two")
    world.cluster.delete(SHOP)
    await world.settle()
    assert said(world, "one") == ("Cancelled", "Cancelled", "Cancelled: its source is gone")
    assert said(world, "two") == ("Cancelled", "Cancelled", "Cancelled: its source is gone")


async def test_all_that_forbid_refuses_is_told_however_many_they_are(world: RunWorld) -> None:
    world.template(HOUR, concurrencyPolicy="Forbid", history={"failed": 1000})
    for number in range(2 * BATCH + 5):
        world.ask(f"r{number:03}")
    await world.settle()
    phases = [world.phase(k.name) for k in world.cluster.keys("Run")]
    assert (phases.count("Waiting"), phases.count("Skipped")) == (1, 2 * BATCH + 4)


async def test_a_run_that_was_removed_by_force_is_given_up_after_a_while(world: RunWorld) -> None:
    await under_way(world, "Queue", "one", "two")
    world.cluster.edit(key("one"), lambda raw: raw["metadata"].update(finalizers=[]))
    world.cluster.delete(key("one"))
    later = await world.one_pass(QUEUE)
    assert later is not None
    assert later.after == LOST_AFTER
    assert world.shop().status.active == ("one",)
    world.advance(later)
    await world.settle()
    assert world.phase("two") == "Waiting"


async def test_one_that_may_not_be_written_holds_up_no_other(world: RunWorld) -> None:
    world.template(HOUR)
    world.ask("bad")
    world.ask("good")
    world.cluster.fail_at("tie Run/default/bad", ClusterError("a webhook says no", code=403))
    with pytest.raises(ClusterError, match="a webhook says no"):
        await world.queue.reconcile(QUEUE)
    assert world.shop().status.active == ("good",)


@pytest.mark.parametrize("code", [0, 409, 429, 500], ids=str)
async def test_one_that_cannot_be_written_yet_is_not_overtaken(world: RunWorld, code: int) -> None:
    world.template(HOUR, concurrencyPolicy="Queue")
    world.ask("first")
    world.clock.advance(2)
    world.ask("second")
    world.cluster.fail_at("tie Run/default/first", ClusterError("not now", code=code))
    with pytest.raises(ClusterError, match="not now"):
        await world.queue.reconcile(QUEUE)
    assert not world.shop().status.active
    await world.settle()
    assert (world.phase("first"), world.phase("second")) == ("Waiting", "Queued")


async def test_a_run_whose_owner_was_taken_away_is_tied_again(world: RunWorld) -> None:
    await under_way(world, "Queue", "one", "two")
    world.cluster.edit(key("two"), lambda raw: raw["metadata"].update(ownerReferences=[]))
    await world.settle()
    assert world.shop().status.queue == ("two",)
    assert world.run("two").metadata.owner_references


# Leaders


async def test_a_new_leader_signs_a_run_before_it_goes_on(world: RunWorld) -> None:
    await world.start(HOUR, config_map("a", v="1"))
    assert world.run("one").status.fence == 1
    world.leadership.fence = 2
    world.restart()
    await world.look("one")
    assert world.run("one").status.fence == 2


async def test_a_leader_that_was_replaced_does_nothing_until_it_has_proved_itself(
    world: RunWorld,
) -> None:
    await under_way(world, "Queue", "one")
    world.leadership.fence = 7
    world.restart()
    await world.look("one")
    await world.settle()
    world.leadership.fence = 1
    world.cluster.calls.clear()
    world.ask("two")
    await world.settle()
    # The Lease is still its own: its number was lost, so it takes a higher one.
    assert world.shop().status.fence == 8


async def test_the_copy_of_a_document_that_was_removed_is_made_anew(world: RunWorld) -> None:
    await world.start({"kind": "Delay", "spec": {"duration": "10s"}}, config_map("a", v="1"))
    (revision,) = world.cluster.keys("ControllerRevision")
    world.cluster.delete(revision)
    world.restart()
    world.clock.advance(10)
    await world.look("one")
    assert world.phase("one") == "Succeeded"
    assert revision in world.cluster.keys("ControllerRevision")


async def test_without_its_copy_a_run_of_another_document_fails_and_says_why(
    world: RunWorld,
) -> None:
    await world.start({"kind": "Delay", "spec": {"duration": "10s"}})
    (revision,) = world.cluster.keys("ControllerRevision")
    world.cluster.delete(revision)
    world.template({"kind": "Delay", "spec": {"duration": "20s"}})
    world.restart()
    await world.look("one")
    assert world.phase("one") == "Failed"
    assert revision.name in world.message("one")
    assert world.phases("one") == {"0": "Cancelled"}


# Dry runs


@pytest.mark.parametrize("policy", ["Allow", "Queue", "Forbid", "Latest", "Replace"])
async def test_a_dry_run_waits_for_nobody_and_disturbs_nobody(world: RunWorld, policy: str) -> None:
    await under_way(world, policy, "one")
    queue = world.shop().status.model_dump(include={"active", "queue", "recent"})
    dry = await world.has_run("dry", dryRun=True)
    assert dry.status.phase == "Succeeded"
    assert world.phase("one") == "Waiting"
    assert world.shop().status.model_dump(include={"active", "queue", "recent"}) == queue


async def test_under_forbid_a_dry_run_under_way_keeps_no_run_from_running(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), concurrencyPolicy="Forbid")
    world.objects.refusals.append(
        lambda call: Busy("busy", code=429) if call.startswith("dry-run") else None
    )
    dry = await world.has_run("dry", dryRun=True)
    assert dry.status.phase == "Running"
    real = await world.has_run("real")
    assert real.status.phase == "Succeeded"
    world.objects.refusals.clear()
    await world.look_until("Succeeded", "dry")


async def test_while_others_are_suspended_a_dry_run_tells_what_they_would_do(
    world: RunWorld,
) -> None:
    world.template(config_map("a", v="1"), concurrencyPolicy="Queue", suspend=True)
    real = await world.has_run("real")
    dry = await world.has_run("dry", dryRun=True)
    assert (real.status.phase, dry.status.phase) == ("Queued", "Succeeded")
    assert world.objects.names() == []
