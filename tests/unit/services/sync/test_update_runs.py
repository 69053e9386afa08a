"""What an update of a document starts, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import API_VERSION, Key
from ebbflow.api.reasons import Reason
from ebbflow.api.run import RUN_FINALIZER, Run
from ebbflow.domain.inventory import Entry, Inventory, read_inventory, write_inventory
from ebbflow.domain.objects import ObjectId
from ebbflow.domain.outcome import Done, Report, Stalled
from ebbflow.domain.ports import StaleWrite
from ebbflow.domain.run_store import Snapshot
from ebbflow.domain.runs.queue import queue_key
from ebbflow.services.sync.update_runs import Content, UpdateRuns
from tests.support.memory_cluster import Killed
from tests.support.memory_run_store import MemoryRunStore
from tests.support.run_stage import SHOP, RunWorld, config_map

MISSING = {"secretKeyRef": {"name": "missing", "key": "a"}}
DONE = Done(Reason.NOT_SYNCED, "Not synced")


class Updates:
    """A Template in step whose document is updated; `run` is what the last update made."""

    def __init__(self, **spec: Any) -> None:
        self.world = RunWorld()
        self.updates = UpdateRuns(self.world.store, self.world.queue)
        self.world.template(config_map("a", v="1"), runOnUpdate=True, **spec)

    async def first_content(self) -> None:
        await self.report(await self.carry("first"))

    async def carry(self, content: str) -> Report:
        self.world.cluster.calls.clear()
        return await self.updates.carry(Report(self.world.shop(), DONE), Content(content))

    async def report(self, report: Report, *, changed: bool = False) -> None:
        """Write a report as the loop does; `changed`: somebody changed the object meanwhile."""
        status = report.status if changed else report.status | report.queue
        self.world.cluster.edit(SHOP, lambda raw: raw.setdefault("status", {}).update(status))
        if report.then is not None:
            await report.then(None if changed else self.world.shop())

    def runs(self) -> list[str]:
        return [key.name for key in self.world.cluster.keys("Run")]

    def run(self) -> Run:
        (name,) = self.runs()
        return self.world.run(name)

    async def inventory(self) -> Inventory:
        """Read what the Template's status points to, and check its count."""
        kept = self.world.shop().status.inventory
        assert kept is not None
        raw = await self.world.store.read("default", kept.ref or "")
        assert raw is not None
        found = read_inventory(raw["inventory"])
        assert kept.count == len(found)
        return found

    def calls(self, what: str) -> list[str]:
        return [call for call in self.world.cluster.calls if call.startswith(what)]


@pytest.fixture
async def shop() -> Updates:
    updates = Updates()
    await updates.first_content()
    return updates


async def test_the_run_of_an_update_has_nothing_in_it_that_is_empty(shop: Updates) -> None:
    await shop.carry("second")
    raw = shop.world.cluster.raw(Key("Run", "default", shop.run().metadata.name))
    assert raw is not None
    source = {"kind": "Template", "name": "shop"}
    assert raw["spec"] == {"source": source, "cancel": False, "dryRun": False}


async def test_the_first_content_is_no_update(shop: Updates) -> None:
    assert shop.runs() == []


async def test_the_first_content_runs_where_the_document_says_so() -> None:
    shop = Updates()
    options = {"runOnCreation": True}
    shop.world.cluster.edit(SHOP, lambda raw: raw["spec"]["document"].update(options=options))
    await shop.first_content()
    assert len(shop.runs()) == 1


async def test_an_update_runs_to_its_end_without_one_list_of_runs(shop: Updates) -> None:
    await shop.report(await shop.carry("second"))
    while shop.world.woken:
        await shop.world.one_pass(shop.world.woken.pop(0))
    assert shop.run().status.phase == "Succeeded"
    assert shop.calls("list") == []
    assert shop.calls("get") == []
    # That it ended is recorded; that it runs, and where its inventory will be, was with the report.
    assert len(shop.calls("write queue of")) == 1
    status = shop.world.shop().status
    assert status.active == ()
    assert status.last_run is not None
    assert status.last_run.phase == "Succeeded"
    assert [entry.target.name for entry in (await shop.inventory()).entries] == ["a"]


async def test_an_inventory_that_was_made_before_a_crash_is_counted_after_it(
    shop: Updates,
) -> None:
    await shop.report(await shop.carry("second"))
    shop.world.cluster.die_at("write queue of")
    with pytest.raises(Killed):
        await shop.world.settle()
    reserved = shop.world.shop().status.inventory
    assert reserved is not None
    assert reserved.count == 0
    shop.world.restart()
    await shop.world.settle()
    counted = shop.world.shop().status.inventory
    assert counted is not None
    assert (counted.count, counted.ref) == (1, reserved.ref)


async def test_what_another_process_put_into_the_inventory_is_kept(shop: Updates) -> None:
    await shop.report(await shop.carry("second"))
    parent = shop.world.shop()
    reserved = parent.status.inventory
    assert reserved is not None
    other = Entry(ObjectId("", "ConfigMap", "default", "other"), "uid-of-another")
    text = write_inventory(Inventory((other,)))
    await shop.world.store.keep(Snapshot(reserved.ref or "", {"inventory": text}), parent)
    await shop.world.settle()
    assert shop.run().status.phase == "Succeeded"
    names = [entry.target.name for entry in (await shop.inventory()).entries]
    assert names == ["a", "other"]


async def test_a_run_that_ends_at_once_is_never_held(shop: Updates) -> None:
    await shop.report(await shop.carry("second"))
    await shop.world.settle()
    assert shop.run().status.phase == "Succeeded"
    assert shop.calls("tie") == []
    assert shop.calls("release") == []


@pytest.fixture
async def waiting() -> Updates:
    """An update whose Run has to wait."""
    updates = Updates()
    steps = [{"kind": "Delay", "spec": {"duration": "1h"}}]
    spec = {"kind": "Workflow", "spec": {"type": "sequential", "steps": steps}}
    updates.world.cluster.edit(SHOP, lambda raw: raw["spec"]["document"].update(spec=spec))
    await updates.first_content()
    await updates.report(await updates.carry("second"))
    return updates


async def test_a_run_is_held_before_it_waits(waiting: Updates) -> None:
    await waiting.world.settle()
    assert waiting.run().status.phase == "Waiting"
    assert waiting.run().metadata.finalizers == (RUN_FINALIZER,)
    assert len(waiting.calls("tie")) == 1


async def test_a_run_that_was_cut_short_before_it_was_held_is_held_and_goes_on(
    waiting: Updates,
) -> None:
    waiting.world.cluster.die_at("tie")
    with pytest.raises(Killed):
        await waiting.world.settle()
    assert waiting.run().status.phase == "Waiting"
    assert waiting.run().metadata.finalizers == ()
    waiting.world.restart()
    await waiting.world.one_pass(waiting.run().key)
    assert waiting.run().metadata.finalizers == (RUN_FINALIZER,)


@pytest.mark.parametrize("policy", ["Queue", "Forbid", "Latest", "Replace"])
async def test_where_runs_exclude_each_other_a_run_is_held_from_the_beginning(policy: str) -> None:
    shop = Updates(concurrencyPolicy=policy)
    await shop.first_content()
    await shop.carry("second")
    assert shop.run().metadata.finalizers == (RUN_FINALIZER,)


async def test_a_run_has_its_turn_only_once_the_report_is_written(shop: Updates) -> None:
    report = await shop.carry("second")
    assert shop.world.woken == []
    await shop.report(report)
    assert shop.world.shop().status.active == (shop.runs()[0],)
    assert shop.world.woken == [Key("Run", "default", shop.runs()[0])]


async def test_the_same_content_starts_no_second_run(shop: Updates) -> None:
    await shop.report(await shop.carry("second"))
    again = await shop.carry("second")
    assert len(shop.runs()) == 1
    assert again.then is None


async def test_a_run_that_an_interrupted_pass_made_is_found_again(shop: Updates) -> None:
    await shop.carry("second")
    again = await shop.carry("second")
    assert len(shop.runs()) == 1
    await shop.report(again)
    assert shop.world.woken == [queue_key(SHOP)]


@pytest.mark.parametrize("policy", ["Queue", "Forbid", "Latest", "Replace"])
async def test_where_runs_exclude_each_other_all_are_looked_at_first(policy: str) -> None:
    shop = Updates(concurrencyPolicy=policy)
    await shop.first_content()
    await shop.report(await shop.carry("second"))
    assert shop.world.woken == [queue_key(SHOP)]
    assert not shop.world.shop().status.active


async def test_an_object_that_changed_meanwhile_is_looked_at_first(shop: Updates) -> None:
    await shop.report(await shop.carry("second"), changed=True)
    assert shop.world.woken == [queue_key(SHOP)]


async def test_a_queue_that_somebody_else_wrote_is_looked_at_first(shop: Updates) -> None:
    report = await shop.carry("second")
    stale = shop.world.shop()
    shop.world.cluster.edit(SHOP, lambda raw: raw["metadata"].update(labels={"a": "b"}))
    assert report.then is not None
    await report.then(stale)
    assert shop.world.woken == [queue_key(SHOP)]
    assert not shop.world.shop().status.active


async def test_another_leaderships_queue_is_left_to_the_pass_that_checks_the_lease(
    shop: Updates,
) -> None:
    shop.world.cluster.edit(SHOP, lambda raw: raw["status"].update(fence=7))
    await shop.report(await shop.carry("second"))
    assert shop.world.woken == [queue_key(SHOP)]
    assert not shop.world.shop().status.active


async def test_held_back_updates_do_not_run(shop: Updates) -> None:
    hold = {"run": "rollback", "by": "ada", "since": "2026-11-21T10:00:00Z"}
    shop.world.cluster.edit(SHOP, lambda raw: raw["status"].update(hold=hold))
    await shop.report(await shop.carry("second"))
    await shop.world.settle()
    assert shop.run().status.phase == "Skipped"
    assert shop.run().status.reason == "Held"


async def test_success_is_in_the_statuses_and_takes_no_event(shop: Updates) -> None:
    await shop.report(await shop.carry("second"))
    await shop.world.settle()
    assert shop.run().status.phase == "Succeeded"
    assert shop.world.store.events == []


async def test_a_failure_is_announced() -> None:
    shop = Updates(argumentOverrides=[{"name": "a", "valueFrom": MISSING}])
    await shop.first_content()
    await shop.report(await shop.carry("second"))
    await shop.world.settle()
    assert shop.run().status.phase == "Failed"
    ((about, _, _, warning),) = shop.world.store.events
    assert (about.name, warning) == (shop.runs()[0], True)


def take_away(shop: Updates) -> str:
    """Delete the only Run for good; returns its name."""
    name = shop.runs()[0]
    key = Key("Run", "default", name)
    shop.world.cluster.edit(key, lambda raw: raw["metadata"].update(finalizers=[]))
    shop.world.cluster.delete(key)
    return name


def put_in_the_way(shop: Updates, **metadata: Any) -> str:
    """Undo the update's Run, and put another of its name there; returns the name."""
    name = take_away(shop)
    spec = {"source": {"kind": "Template", "name": "shop"}}
    shop.world.cluster.put(
        {
            "kind": "Run",
            "metadata": {"name": name, "namespace": "default", **metadata},
            "spec": spec,
        }
    )
    return name


def owned_by(uid: str) -> list[dict[str, Any]]:
    return [{"apiVersion": API_VERSION, "kind": "Template", "name": "shop", "uid": uid}]


@pytest.mark.parametrize(
    ("uid", "why"),
    [
        pytest.param(None, "it belongs to another object, or to an earlier one", id="nobodys"),
        pytest.param("gone", "it belongs to another object, or to an earlier one", id="other"),
        pytest.param("ours", "it was made for something else", id="ours-for-another-reason"),
    ],
)
async def test_an_update_says_that_another_run_has_its_name(
    shop: Updates, uid: str | None, why: str
) -> None:
    await shop.carry("second")
    owner = shop.world.shop().metadata.uid if uid == "ours" else uid
    name = put_in_the_way(shop, ownerReferences=owned_by(owner) if owner else [])
    report = await shop.carry("second")
    assert isinstance(report.outcome, Stalled)
    assert (report.outcome.reason, report.then) == (Reason.NAME_TAKEN, None)
    assert why in report.outcome.message
    assert f"kubectl delete run {name} -n default" in report.outcome.message


async def test_an_update_runs_once_the_run_in_its_way_is_gone(shop: Updates) -> None:
    await shop.carry("second")
    put_in_the_way(shop)
    await shop.report(await shop.carry("second"))
    take_away(shop)
    report = await shop.carry("second")
    assert isinstance(report.outcome, Done)
    await shop.report(report)
    await shop.world.settle()
    assert shop.run().status.trigger is not None
    assert (shop.run().status.trigger.type, shop.run().status.phase) == ("Update", "Succeeded")


async def test_a_run_in_the_way_that_cannot_be_read_is_named(shop: Updates) -> None:
    await shop.carry("second")
    name = put_in_the_way(shop)
    shop.world.cluster.edit(Key("Run", "default", name), lambda raw: raw.update(spec={"source": 7}))
    report = await shop.carry("second")
    assert isinstance(report.outcome, Stalled)
    assert "it cannot be read" in report.outcome.message


class LateReads(MemoryRunStore):
    """A store in which a Run is gone by the time that it is read."""

    async def get(self, namespace: str, name: str) -> Run | None:
        return None


async def test_a_run_that_goes_while_it_is_looked_at_makes_another_pass(shop: Updates) -> None:
    await shop.carry("second")
    shop.updates = UpdateRuns(LateReads(shop.world.cluster), shop.world.queue)
    with pytest.raises(StaleWrite, match="deleted a moment ago"):
        await shop.carry("second")
