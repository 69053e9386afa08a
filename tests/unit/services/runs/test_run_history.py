"""Which Runs are kept, which go on from earlier ones, and what starts none."""

from __future__ import annotations

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run
from ebbflow.domain.objects import Denied
from ebbflow.domain.outcome import Done, Report
from ebbflow.services.sync.update_runs import Content, UpdateRuns
from tests.support.run_stage import SHOP, RunWorld, config_map

DELAY = {"kind": "Delay", "spec": {"duration": "5s"}}


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


def runs(world: RunWorld) -> list[str]:
    return sorted(key.name for key in world.cluster.keys("Run"))


# History


async def test_finished_runs_beyond_the_history_go_the_oldest_first(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), history={"succeeded": 2, "failed": 1})
    for name in ("one", "two", "three"):
        await world.has_run(name)
        world.clock.advance(1)
    assert runs(world) == ["three", "two"]


async def test_failures_do_not_push_successes_out(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), history={"succeeded": 1, "failed": 1})
    await world.has_run("good")
    world.objects.refusals.append(lambda _: Denied("no", code=403))
    for name in ("bad", "worse"):
        world.clock.advance(1)
        await world.has_run(name)
    assert runs(world) == ["good", "worse"]


# Retry and rollback


async def test_a_retry_goes_on_from_the_node_that_failed(world: RunWorld) -> None:
    def refuse(call: str) -> Denied | None:
        return Denied("no", code=403) if call.startswith("apply ConfigMap default/b") else None

    world.template(config_map("a", v="1"), config_map("b", uid="${refs.a.metadata.uid}"))
    world.objects.refusals.append(refuse)
    await world.has_run("one")
    world.objects.refusals.clear()
    world.change(config_map("z", v="1"))
    world.objects.calls.clear()
    run = await world.has_run("two", retryOf="one")
    assert run.status.phase == "Succeeded"
    assert "apply ConfigMap default/a as default" not in world.objects.calls
    uid = world.objects.live("ConfigMap", "a")["metadata"]["uid"]
    assert world.objects.live("ConfigMap", "b")["data"] == {"uid": uid}
    assert "ConfigMap default/z" not in world.objects.names()


async def test_a_rollback_runs_the_document_of_an_earlier_run(world: RunWorld) -> None:
    world.template(config_map("a", v="old"))
    await world.has_run("one")
    world.change(config_map("a", v="new"))
    await world.has_run("two")
    run = await world.has_run("back", rollbackTo="one")
    assert run.status.phase == "Succeeded"
    assert world.objects.live("ConfigMap", "a")["data"] == {"v": "old"}
    assert run.status.document_ref == world.run("one").status.document_ref


@pytest.mark.parametrize("field", ["retryOf", "rollbackTo"])
async def test_going_on_from_a_run_that_is_not_there_says_so(world: RunWorld, field: str) -> None:
    world.template(config_map("a", v="1"))
    run = await world.has_run("two", **{field: "nope"})
    assert run.status.phase == "Failed"
    assert run.status.reason == "InvalidSpec"
    assert f"spec.{field}: Template shop has no Run nope" in (run.status.message or "")


# Suspend


@pytest.mark.parametrize("policy", ["Allow", "Queue", "Forbid", "Latest", "Replace"])
async def test_no_run_of_a_suspended_template_begins(world: RunWorld, policy: str) -> None:
    world.template(config_map("a", v="1"), concurrencyPolicy=policy, suspend=True)
    run = await world.has_run("one")
    assert run.status.phase == "Queued"
    assert "spec.suspend of the Template shop is true" in (run.status.message or "")
    assert world.objects.names() == []
    world.change(suspend=False)
    await world.settle()
    assert world.phase("one") == "Succeeded"


async def test_a_run_under_way_goes_on_when_its_template_is_suspended(world: RunWorld) -> None:
    world.template(DELAY, config_map("a", v="1"))
    await world.has_run("one")
    world.change(suspend=True)
    world.clock.advance(5)
    await world.look("one")
    assert world.phase("one") == "Succeeded"


# Automatic starts


class Updates:
    """Reports of a Template in step, and the Runs that they start."""

    def __init__(self, world: RunWorld) -> None:
        self.world = world
        self.updates = UpdateRuns(world.store, world.queue)

    def options(self, **options: object) -> None:
        def change(raw: JsonObject) -> None:
            raw["spec"]["document"]["options"] = options

        self.world.cluster.edit(SHOP, change)

    async def holds(self, document_hash: str) -> list[Run]:
        """Let the Template be in step with this content; the Runs that there are then."""
        shop = self.world.shop()
        report = Report(shop, Done(Reason.IN_STEP, "In step"), {})
        carried = await self.updates.carry(report, Content(document_hash))
        status = carried.status
        self.world.cluster.edit(
            SHOP, lambda raw: raw.update(status={**raw.get("status", {}), **status})
        )
        if carried.then is not None:
            await carried.then(self.world.shop())
        return [self.world.run(name) for name in runs(self.world)]


@pytest.fixture
def updates(world: RunWorld) -> Updates:
    world.template(config_map("a", v="${args.V}"), arguments={"V": "1"})
    return Updates(world)


async def test_the_first_content_starts_no_run(updates: Updates) -> None:
    updates.options(autorun=True)
    assert await updates.holds("first") == []
    assert len(await updates.holds("second")) == 1
    assert len(await updates.holds("second")) == 1


async def test_the_creation_starts_a_run_with_its_arguments_where_the_document_says_so(
    updates: Updates,
) -> None:
    updates.options(runOnCreation=True, runOnCreationArgumentOverrides={"V": "2"})
    [run] = await updates.holds("first")
    assert run.spec.arguments == {"V": "2"}
    assert len(await updates.holds("first")) == 1
    assert len(await updates.holds("second")) == 1, "updates start none without autorun"


async def test_a_paused_document_starts_nothing_by_itself_and_nothing_later(
    updates: Updates,
) -> None:
    updates.options(autorun=True, runOnCreation=True, paused=True)
    assert await updates.holds("first") == []
    assert await updates.holds("second") == []
    updates.options(autorun=True, runOnCreation=True, paused=False)
    assert await updates.holds("second") == []
    assert len(await updates.holds("third")) == 1


async def test_people_start_runs_of_a_paused_document(world: RunWorld, updates: Updates) -> None:
    updates.options(autorun=True, paused=True)
    assert (await world.has_run("mine")).status.phase == "Succeeded"


async def test_what_changed_while_updates_started_nothing_starts_nothing_later(
    updates: Updates,
) -> None:
    updates.options(autorun=True)
    await updates.holds("first")
    updates.options(autorun=False)
    assert await updates.holds("second") == []
    updates.options(autorun=True)
    assert await updates.holds("second") == []
