"""What runs made is kept track of, and goes when the document no longer names it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ebbflow.api.base import JsonObject, Key
from ebbflow.domain.inventory import PRUNE, read_inventory
from ebbflow.domain.objects import (
    OWNER_LABEL,
    Account,
    Denied,
    ObjectError,
    field_manager,
    owner_mark,
)
from ebbflow.domain.prune_guard import PRUNE_ALL
from ebbflow.services.runs.made_objects import MadeLog, NotingObjects
from tests.support.memory_tenant import MemoryObjects
from tests.support.run_stage import SHOP, RunWorld, config_map


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


def inventory(world: RunWorld) -> list[str]:
    """Return the titles of what the Template's inventory lists."""
    kept = world.shop().status.inventory
    if kept is None or kept.ref is None:
        return []
    raw = world.cluster.raw(Key("ControllerRevision", "default", kept.ref))
    assert raw is not None, "the status points to an inventory that is not there"
    text = json.loads(raw["data"]["json"])["inventory"]
    entries = read_inventory(text).entries
    assert len(entries) == kept.count
    return [entry.target.title for entry in entries]


def maps(*names: str) -> list[str]:
    return [f"ConfigMap default/{name}" for name in names]


def revisions(world: RunWorld) -> list[str]:
    return [key.name for key in world.cluster.keys("ControllerRevision") if "-made-" in key.name]


def denied(word: str) -> Any:
    def refuse(call: str) -> ObjectError | None:
        words = "robot may not delete; kubectl create role …"
        return Denied(words, code=403) if call.startswith(word) else None

    return refuse


def volume_claim(name: str) -> JsonObject:
    manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}}
    return {"kind": "Manifest", "spec": {"manifest": manifest, "wait": False}}


# The inventory


async def test_what_a_run_made_is_listed(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), config_map("b", v="1"))
    await world.has_run("one")
    assert inventory(world) == maps("a", "b")
    assert len(revisions(world)) == 1


async def test_a_run_that_changes_nothing_costs_the_inventory_no_request(world: RunWorld) -> None:
    world.template(config_map("a", v="1"))
    await world.has_run("one")
    world.cluster.calls.clear()
    await world.has_run("two")
    assert [call for call in world.cluster.calls if "-made-" in call] == []


async def test_what_a_failed_run_made_is_listed_too(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), config_map("b", v="1"))
    world.objects.refusals.append(denied("apply ConfigMap default/b"))
    run = await world.has_run("one")
    assert run.status.phase == "Failed"
    assert inventory(world) == maps("a")


async def test_what_a_node_made_before_it_failed_is_listed_too(world: RunWorld) -> None:
    manifests = [config_map(name, v="1")["spec"]["manifest"] for name in "ab"]
    world.template({"kind": "Manifest", "spec": {"manifests": manifests}})
    world.objects.refusals.append(denied("apply ConfigMap default/b"))
    await world.has_run("one")
    assert world.phases() == {"0": "Failed"}
    assert inventory(world) == maps("a")


async def test_what_is_made_by_creation_is_noted_as_well() -> None:
    made, inner = MadeLog(), MemoryObjects()
    manifest = config_map("a", v="1")["spec"]["manifest"]
    for manager in (field_manager(SHOP), "somebody"):
        manifest = {**manifest, "metadata": {"name": manager[:9], "namespace": "default"}}
        await NotingObjects(inner, made).create(
            manifest, Account("default", "robot"), manager=manager
        )
    assert [entry.target.name for entry in made.of(owner_mark(SHOP))] == ["ebbflow-r"]


async def test_the_old_list_goes_when_a_new_one_takes_its_place(world: RunWorld) -> None:
    world.template(config_map("a", v="1"))
    await world.has_run("one")
    first = revisions(world)
    world.change(config_map("a", v="1"), config_map("b", v="1"))
    await world.has_run("two")
    assert inventory(world) == maps("a", "b")
    assert len(revisions(world)) == 1
    assert revisions(world) != first


async def test_what_was_made_before_a_restart_is_listed(world: RunWorld) -> None:
    delay = {"kind": "Delay", "spec": {"duration": "10s"}}
    world.template(config_map("a", v="1"), delay, config_map("b", v="1"))
    await world.has_run("one")
    world.restart()
    world.clock.advance(10)
    await world.look()
    assert inventory(world) == maps("a", "b")


async def test_a_write_of_somebody_else_does_not_lose_what_was_made(world: RunWorld) -> None:
    world.template(config_map("a", v="1"))
    world.ask()

    def rival() -> None:
        def change(raw: JsonObject) -> None:
            raw["metadata"].setdefault("annotations", {})["seen"] = world.clock.now().isoformat()

        world.cluster.edit(SHOP, change)

    world.cluster.rivals += [rival] * 12
    await world.settle()
    assert world.phase() == "Succeeded"
    assert inventory(world) == maps("a")
    assert len(revisions(world)) == 1


# Pruning


async def pruned_from(world: RunWorld, *left: JsonObject, **fields: Any) -> None:
    """Have a run make a, b and c, then one of a document that names only `left`."""
    fields = {"prune": True, **fields}
    world.template(*(config_map(name, v="1") for name in "abc"), **fields)
    await world.has_run("one")
    world.change(*left)
    await world.has_run("two")


async def test_what_left_the_document_goes(world: RunWorld) -> None:
    await pruned_from(world, config_map("a", v="1"))
    assert world.objects.names() == maps("a")
    assert inventory(world) == maps("a")
    assert "deleted what left the document" in world.message("two")
    assert world.announced("Pruned") == [
        "deleted what left the document: ConfigMap default/b, ConfigMap default/c"
    ]


async def test_without_prune_everything_stays(world: RunWorld) -> None:
    await pruned_from(world, config_map("a", v="1"), prune=False)
    assert world.objects.names() == maps("a", "b", "c")
    assert inventory(world) == maps("a", "b", "c")


async def test_a_failed_run_prunes_nothing(world: RunWorld) -> None:
    world.objects.refusals.append(denied("apply ConfigMap default/bad"))
    await pruned_from(world, config_map("bad", v="1"))
    assert world.phase("two") == "Failed"
    assert world.objects.names() == maps("a", "b", "c")


async def test_a_skipped_node_still_names_its_objects(world: RunWorld) -> None:
    skipped = {**config_map("b", v="1"), "when": "1 == 2"}
    await pruned_from(world, config_map("a", v="1"), skipped)
    assert world.objects.names() == maps("a", "b")


async def test_nothing_goes_while_nobody_can_tell_what_a_node_names(world: RunWorld) -> None:
    lost = config_map("${refs.gone.metadata.uid}", v="1")
    gone = {**config_map("gone", v="1"), "when": "false"}
    steps = [config_map("a", v="1"), gone, {**lost, "ref": "lost", "when": "false"}]
    await pruned_from(world, *steps)
    assert world.objects.names() == maps("a", "b", "c")
    assert "nothing was pruned: 2:" in world.message("two")


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {OWNER_LABEL: "other.12345678"}}, id="taken over by another"),
        pytest.param({"uid": "another"}, id="made anew by somebody"),
        pytest.param({"ownerReferences": [{"controller": True}]}, id="a controller's"),
    ],
)
async def test_what_is_not_ours_any_more_stays(world: RunWorld, metadata: JsonObject) -> None:
    world.template(*(config_map(name, v="1") for name in "abc"), prune=True)
    await world.has_run("one")
    world.objects.edit("ConfigMap", "b", **metadata)
    world.change(config_map("a", v="1"))
    await world.has_run("two")
    assert world.objects.names() == maps("a", "b")
    assert inventory(world) == maps("a")


async def test_an_object_that_people_keep_stays_and_stays_listed(world: RunWorld) -> None:
    world.template(*(config_map(name, v="1") for name in "abc"), prune=True)
    await world.has_run("one")
    world.objects.edit("ConfigMap", "b", annotations={PRUNE: "disabled"})
    world.change(config_map("a", v="1"))
    await world.has_run("two")
    assert inventory(world) == maps("a", "b")


async def test_what_holds_data_stays_and_the_message_says_how_to_delete_it(
    world: RunWorld,
) -> None:
    world.template(config_map("a", v="1"), volume_claim("disk"), prune=True)
    await world.has_run("one")
    world.change(config_map("a", v="1"))
    run = await world.has_run("two")
    assert "PersistentVolumeClaim default/disk" in world.objects.names()
    assert "kubectl annotate -n default persistentvolumeclaim disk" in (run.status.message or "")


async def test_what_the_account_may_not_delete_is_tried_again_by_the_next_run(
    world: RunWorld,
) -> None:
    world.objects.refusals.append(denied("delete"))
    await pruned_from(world, config_map("a", v="1"))
    assert world.phase("two") == "Succeeded"
    assert "kubectl create role" in world.announced("PruneIncomplete")[0]
    assert inventory(world) == maps("a", "b", "c")
    world.objects.refusals.clear()
    await world.has_run("three")
    assert world.objects.names() == maps("a")


async def test_a_document_that_names_nothing_deletes_nothing(world: RunWorld) -> None:
    nothing = {"kind": "Delay", "spec": {"duration": "0s"}}
    await pruned_from(world, nothing)
    assert world.objects.names() == maps("a", "b", "c")
    assert PRUNE_ALL in world.announced("PruneIncomplete")[0]


@pytest.mark.parametrize("meant", [False, True])
async def test_most_of_many_objects_go_only_if_that_is_meant(world: RunWorld, meant: bool) -> None:
    many = [config_map(f"m{number:02}", v="1") for number in range(24)]
    world.template(*many, prune=True, type="parallel")
    await world.has_run("one")
    world.change(many[0])
    if meant:
        world.cluster.edit(
            SHOP, lambda raw: raw["metadata"].update(annotations={PRUNE_ALL: "enabled"})
        )
    await world.has_run("two")
    assert len(world.objects.names()) == (1 if meant else 24)


async def test_an_older_run_that_ends_late_does_not_delete_what_a_newer_one_made(
    world: RunWorld,
) -> None:
    delay = {"kind": "Delay", "spec": {"duration": "60s"}}
    world.template(config_map("a", v="1"), delay, prune=True)
    await world.has_run("old")
    world.clock.advance(1)
    world.change(config_map("b", v="1"))
    await world.has_run("new")
    assert (world.phase("old"), world.phase("new")) == ("Waiting", "Succeeded")
    world.clock.advance(60)
    await world.look("old")
    assert world.phase("old") == "Succeeded"
    assert world.objects.names() == maps("a", "b")


async def test_a_retry_deletes_nothing_that_the_failed_run_made(world: RunWorld) -> None:
    refuse = denied("apply ConfigMap default/c")
    world.objects.refusals.append(refuse)
    world.template(*(config_map(name, v="1") for name in "abc"), prune=True)
    await world.has_run("one")
    assert world.phase("one") == "Failed"
    world.objects.refusals.clear()
    await world.has_run("two", retryOf="one")
    assert world.phase("two") == "Succeeded"
    assert world.objects.names() == maps("a", "b", "c")


async def test_an_object_that_changes_under_the_deletion_is_looked_at_again(
    world: RunWorld,
) -> None:
    world.template(*(config_map(name, v="1") for name in "ab"), prune=True)
    await world.has_run("one")

    def taken_over(call: str) -> None:
        if call.startswith("delete ConfigMap default/b"):
            world.objects.refusals.clear()
            world.objects.edit("ConfigMap", "b", labels={OWNER_LABEL: "other.12345678"})

    world.objects.refusals.append(taken_over)
    world.change(config_map("a", v="1"))
    await world.has_run("two")
    assert world.objects.names() == maps("a", "b")
    assert inventory(world) == maps("a")


def loop(*items: str) -> JsonObject:
    """Return a loop that makes a ConfigMap for each item."""
    step = config_map("${loop.item}", v="1")
    step.pop("ref")
    return {"kind": "LoopWorkflow", "spec": {"iterations": list(items), "steps": [step]}}


async def test_what_iterations_no_longer_name_goes(world: RunWorld) -> None:
    world.template(loop("a", "b", "c"), prune=True)
    await world.has_run("one")
    world.change(loop("a", "c"))
    await world.has_run("two")
    assert world.objects.names() == maps("a", "c")


async def test_iterations_that_a_killed_operator_saw_to_keep_what_they_made(
    world: RunWorld,
) -> None:
    world.template(loop("a", "b", "c"), config_map("d", v="1"), prune=True)
    await world.has_run("one")
    world.change(loop("a", "b", "c"), {"kind": "Delay", "spec": {"duration": "9s"}})
    await world.has_run("two")
    world.restart()
    world.clock.advance(9)
    await world.look("two")
    assert world.phase("two") == "Succeeded"
    assert world.objects.names() == maps("a", "b", "c")


async def test_a_skipped_loop_still_names_its_objects(world: RunWorld) -> None:
    world.template(loop("a", "b"), config_map("c", v="1"), config_map("d", v="1"), prune=True)
    await world.has_run("one")
    world.change({**loop("a", "b"), "when": "false"}, config_map("c", v="1"))
    await world.has_run("two")
    assert world.objects.names() == maps("a", "b", "c")


# A dry run


async def test_a_dry_run_shows_what_would_go_and_deletes_nothing(world: RunWorld) -> None:
    world.template(*(config_map(name, v="1") for name in "abc"), prune=True)
    await world.has_run("one")
    before, listed = world.objects.names(), inventory(world)
    world.change(config_map("a", v="2"), config_map("d", v="1"))
    world.objects.calls.clear()
    run = await world.has_run("dry", dryRun=True)
    assert [(c.object, c.action) for c in run.status.plan or ()] == [
        ("v1 ConfigMap default/a", "update"),
        ("v1 ConfigMap default/d", "create"),
        ("v1 ConfigMap default/b", "delete"),
        ("v1 ConfigMap default/c", "delete"),
    ]
    assert (world.objects.names(), inventory(world)) == (before, listed)
    assert {call.split()[0] for call in world.objects.calls} == {"get", "dry-run"}


async def test_random_values_of_a_dry_run_are_not_kept(world: RunWorld) -> None:
    world.template(config_map("a", v="${fn.randomSecret(8, 'hex')}"))
    run = await world.has_run("dry", dryRun=True)
    assert run.status.phase == "Succeeded"
    assert [(c.action, c.object) for c in run.status.plan or ()] == [
        ("create", "v1 ConfigMap default/a")
    ]
    assert world.objects.names() == []
    assert {f.to for c in run.status.plan or () for f in c.fields or () if f.path == "data.v"} == {
        "(secret)"
    }


async def test_what_a_dry_run_planned_is_not_taken_for_made(world: RunWorld) -> None:
    world.template(config_map("a", v="1"))
    await world.has_run("dry", dryRun=True)
    world.change(config_map("b", v="1"))
    await world.has_run("one")
    assert inventory(world) == maps("b")
