"""What a document asks for is made, changed and removed, and nothing is asked while it stays."""

from __future__ import annotations

from typing import Any

from ebbflow.api.base import Key
from ebbflow.api.template import Template
from ebbflow.domain.outcome import Report
from ebbflow.services.sync import template_report
from ebbflow.services.sync.update_runs import Content
from ebbflow.services.triggers.document_triggers import DocumentTriggers
from tests.support.memory_cluster import MemoryCluster
from tests.support.trigger_world import MemoryOwnedTriggers, NoUpdates, TriggerWorld

CRON = {"kind": "cron", "ref": "nightly", "spec": {"cron": "0 3 * * *"}}
TARGETS = [{"kind": "Template", "name": "shop"}]
NIGHTLY = Key("GitTrigger", "default", "shop-nightly-schedule")


class Stage:
    def __init__(self) -> None:
        self.cluster = MemoryCluster()
        self.restart()

    def restart(self) -> None:
        owned = MemoryOwnedTriggers(self.cluster)
        self.documents = DocumentTriggers(NoUpdates(), owned, self.cluster)

    async def holding(self, *triggers: Any) -> Report:
        document = {"apiVersion": "v1.2", "triggers": list(triggers)}
        spec = {"document": document}
        self.cluster.put({"kind": "Template", "metadata": {"name": "shop"}, "spec": spec})
        return await self.carry()

    async def carry(self) -> Report:
        self.cluster.calls.clear()
        report = template_report.alone(self.cluster.template("shop"))
        return await self.documents.carry(report, Content("hash"))

    def schedule(self) -> str | None:
        raw = self.cluster.raw(NIGHTLY)
        return raw["spec"]["schedule"] if raw else None


async def test_triggers_come_change_and_go_with_the_document() -> None:
    stage = Stage()
    await stage.holding(CRON)
    assert stage.schedule() == "0 3 * * *"
    await stage.holding({**CRON, "spec": {"cron": "0 4 * * *"}})
    assert stage.schedule() == "0 4 * * *"
    await stage.holding()
    assert stage.schedule() is None


async def test_a_document_that_stays_or_has_none_costs_no_request() -> None:
    stage = Stage()
    await stage.holding(CRON)
    await stage.carry()
    assert stage.cluster.calls == []
    other = Stage()
    await other.holding()
    assert other.cluster.calls == []


async def test_somebody_elses_trigger_is_left_alone_and_told() -> None:
    stage = Stage()
    spec = {"type": "Schedule", "schedule": "5 5 * * *", "targets": TARGETS}
    stage.cluster.put({"kind": "GitTrigger", "metadata": {"name": NIGHTLY.name}, "spec": spec})
    report = await stage.holding(CRON)
    assert stage.schedule() == "5 5 * * *"
    assert "there is another GitTrigger" in report.notices[0].message
    await stage.holding()
    assert stage.schedule() == "5 5 * * *"


async def test_one_that_left_the_document_while_nobody_looked_removes_itself() -> None:
    world = TriggerWorld()
    template = Template.parse(world.cluster.raw(Key("Template", "default", "shop")) or {})
    spec = {"type": "Schedule", "schedule": "0 3 * * *", "targets": TARGETS}
    await world.owned.create(template, NIGHTLY.name, spec)
    await world.operator.intake.reconcile(NIGHTLY)
    assert world.cluster.raw(NIGHTLY) is None
