"""A world without servers for triggers: a cluster, Git, a clock, and operators that can be killed."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from ebbflow.adapters.kube.snapshots import owner_reference
from ebbflow.api.base import API_VERSION, JsonObject, Key
from ebbflow.api.gittrigger import Delivery, GitTrigger
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.outcome import Report
from ebbflow.domain.owned_triggers import FROM_DOCUMENT, OwnedTriggers, owned_by
from ebbflow.domain.ports import StaleWrite
from ebbflow.domain.runs.triggered import refs_of
from ebbflow.services.repositories.git_access import GitAccess
from ebbflow.services.repositories.repository_watch import RepositoryWatch
from ebbflow.services.runs.run_claims import Turns
from ebbflow.services.schedule import Schedule
from ebbflow.services.sync.update_runs import Content, Updates
from ebbflow.services.triggers.document_triggers import DocumentTriggers
from ebbflow.services.triggers.trigger_intake import TriggerIntake
from ebbflow.services.triggers.trigger_ledger import TriggerLedger
from ebbflow.services.triggers.trigger_look import TriggerLook
from ebbflow.services.triggers.triggered_runs import TriggeredRuns
from tests.support.memory_cluster import ManualClock, MemoryCluster, MemoryStatusWriter
from tests.support.memory_git import MemoryGit
from tests.support.memory_providers import MemoryProviders
from tests.support.memory_run_store import RECORD_KEY, MemoryRunStore

URL = "https://git.example/acme/shop"
TRIGGER = Key("GitTrigger", "default", "shop")
SHOP = Key("Template", "default", "shop")
PASSES = 50


class NoTurns(Turns):
    """A queue that nobody works on."""

    def take_in(self, run: Run, parent: Template | None) -> None:
        """Not looked at."""

    def look(self, parent: Template) -> None:
        """Not looked at."""


class NoUpdates(Updates):
    """Updates that start nothing."""

    async def carry(self, report: Report, content: Content) -> Report:
        del content
        return report


class MemoryOwnedTriggers(OwnedTriggers):
    """The fake of the port, on a MemoryCluster."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def of(self, owner: Template) -> tuple[GitTrigger, ...]:
        self._cluster.called(f"list GitTriggers of {owner.key}")
        raws = [self._cluster.raw(key) for key in self._cluster.keys("GitTrigger")]
        found = [GitTrigger.parse(raw) for raw in raws if raw]
        return tuple(one for one in found if owned_by(one, owner))

    async def create(self, owner: Template, name: str, spec: JsonObject) -> bool:
        key = Key("GitTrigger", owner.metadata.namespace, name)
        self._cluster.called(f"create {key}")
        if self._cluster.raw(key) is not None:
            return False
        about = {
            "name": name,
            "namespace": key.namespace,
            "labels": {FROM_DOCUMENT: owner.metadata.name},
            "ownerReferences": [owner_reference(owner, controller=True)],
        }
        self._cluster.put({"kind": "GitTrigger", "metadata": about, "spec": spec})
        return True

    async def change(self, trigger: GitTrigger, spec: JsonObject) -> None:
        self._cluster.write("change", trigger, lambda raw: raw.update(spec=spec))

    async def delete(self, trigger: GitTrigger) -> None:
        self._cluster.called(f"delete {trigger.key}")
        self._cluster.delete(trigger.key)


class CountedVerdicts:
    """TriggerMetrics that lists what was counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, str, str]] = []

    def trigger_verdict(self, kind: str, verdict: str, reason: str) -> None:
        self.counted.append((kind, verdict, reason))


class TriggerOperator:
    """One operator's process: what it knows goes with it."""

    def __init__(self, world: TriggerWorld) -> None:
        cluster, git = world.cluster, world.git
        self.woken: list[Key] = []
        self.schedule = Schedule(world.clock)
        self.watch = RepositoryWatch(git, self.woken.append, self.schedule, world.clock, Random(1))
        status = MemoryStatusWriter(cluster, world.clock)
        runs = TriggeredRuns(cluster, MemoryRunStore(cluster), NoTurns())
        self.status = status
        self.intake = TriggerIntake(
            cluster,
            status,
            TriggerLook(git, GitAccess(cluster), self.watch, world.providers, timedelta(minutes=1)),
            TriggerLedger(status, runs, world.verdicts),
            DocumentTriggers(NoUpdates(), world.owned, cluster),
            world.clock,
        )

    async def one_pass(self) -> Report | None:
        """Make a pass as the loop does: decide, write the status, do what follows."""
        report = await self.intake.reconcile(TRIGGER)
        if report is not None:
            stored = await self.status.write(report)
            if report.then is not None:
                await report.then(stored)
        return report

    async def look(self) -> None:
        """List the repository anew, as a poll does, and make passes until there is no more to do."""
        for repository in list(self.watch._repositories.values()):
            await self.watch._poll(repository)
        await self.settle()

    async def settle(self) -> None:
        """Make passes until one asks for no other at once."""
        for _ in range(PASSES):
            try:
                report = await self.one_pass()
            except StaleWrite:
                continue
            after = report.outcome.after if report and hasattr(report.outcome, "after") else None
            if after != timedelta(0):
                return
        raise AssertionError("the passes do not come to an end")


class TriggerWorld:
    """One trigger `shop` on one repository, which starts the Template `shop`."""

    def __init__(self, **spec: Any) -> None:
        self.clock = ManualClock()
        self.cluster = MemoryCluster(self.clock)
        self.git = MemoryGit()
        self.verdicts = CountedVerdicts()
        self.owned = MemoryOwnedTriggers(self.cluster)
        self.providers = MemoryProviders()
        self.account()
        self.git.create_repository(URL, {"README.md": b"# Shop\n"})
        self.template()
        self.trigger(**spec)
        self.operator = TriggerOperator(self)

    def account(self) -> None:
        """Link an account on a provider that has an API."""
        spec = {"provider": "Gitea", "url": "https://git.example", "secretRef": {"name": "acme"}}
        self.cluster.put({"kind": "GitAccount", "metadata": {"name": "acme"}, "spec": spec})
        self.cluster.add_secret(
            "default", "acme", {"token": "t"}, {"ebbflow.dev/hosts": "git.example"}
        )

    def template(self, name: str = "shop", **document: Any) -> None:
        """Make a Template that triggers can start, or give it another document."""
        holding = {"document": {"apiVersion": "ebbflow.dev/v1", **document}}
        self.cluster.put({"kind": "Template", "metadata": {"name": name}, "spec": holding})

    def trigger(self, **spec: Any) -> None:
        """Make the trigger, or change what its spec says."""
        default = {
            "type": "Push",
            "git": {"repository": URL},
            "branches": ["*"],
            "targets": [{"kind": "Template", "name": "shop"}],
        }
        raw = {"apiVersion": API_VERSION, "kind": "GitTrigger", "metadata": {"name": "shop"}}
        self.cluster.put(
            {**raw, "spec": {k: v for k, v in (default | spec).items() if v is not None}}
        )

    def push(self, branch: str = "main", message: str = "Edit", **files: bytes) -> str:
        """Commit onto a branch; its id."""
        return self.git.commit(URL, files or {"app.py": branch.encode()}, message, branch=branch)

    def restart(self) -> TriggerOperator:
        """Begin anew with a process that knows nothing."""
        self.operator = TriggerOperator(self)
        return self.operator

    def status(self) -> JsonObject:
        """The trigger's status in wire form."""
        return (self.cluster.raw(TRIGGER) or {}).get("status", {})

    def deliveries(self) -> list[Delivery]:
        """The verdicts, newest first."""
        return [Delivery.model_validate(one) for one in self.status().get("deliveries", ())]

    def reasons(self) -> list[tuple[str, str]]:
        """The verdicts with their reasons, newest first."""
        return [(one.verdict, one.reason) for one in self.deliveries()]

    def runs(self) -> list[Run]:
        """All Runs there are, oldest first."""
        found = [
            Run.parse(raw) for key in self.cluster.keys("Run") if (raw := self.cluster.raw(key))
        ]
        return sorted(found, key=lambda run: int(run.metadata.resource_version))

    def values(self, run: Run) -> Json:
        """What the trigger gave a Run, by the names of refs."""
        return refs_of(run, RECORD_KEY)

    def stored(self) -> GitTrigger:
        """The trigger as it is stored."""
        raw = self.cluster.raw(TRIGGER)
        assert raw is not None
        return GitTrigger.parse(raw)
