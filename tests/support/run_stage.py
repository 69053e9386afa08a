"""A world without servers for runs: a cluster, a tenant's objects, a clock, and the services."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from ebbflow.adapters.cel import CelConditions
from ebbflow.api.base import JsonObject, Key, Resource
from ebbflow.api.run import CREATED_BY, NodeStatus, Run
from ebbflow.api.template import Template
from ebbflow.domain.approvals import ApprovalGuard
from ebbflow.domain.conditions import REQUESTED_AT
from ebbflow.domain.document import document_hash, parse
from ebbflow.domain.objects import Account, Denied, ObjectId, Objects, ObjectWatch
from ebbflow.domain.outcome import Notice, Postponed, Report
from ebbflow.domain.ports import Events, Leadership, StaleWrite
from ebbflow.domain.runs.creation import NewPlace, by_user
from ebbflow.domain.runs.queue import QUEUE, queue_key
from ebbflow.domain.secret import Tainted
from ebbflow.domain.verbs import Verbs
from ebbflow.services.nodes.action import Action
from ebbflow.services.nodes.errands import PATIENCE
from ebbflow.services.nodes.http import Http
from ebbflow.services.nodes.job_run import JobRun
from ebbflow.services.nodes.pods.attempt_job import LAST_WORDS_SECONDS, AttemptJobs
from ebbflow.services.nodes.pods.executing import Executions
from ebbflow.services.nodes.pods.workload_changes import WorkloadChanges
from ebbflow.services.nodes.registry import Ports, node_kinds
from ebbflow.services.repositories.git_access import GitAccess
from ebbflow.services.repositories.repository_commits import RepositoryCommits
from ebbflow.services.repositories.repository_files import RepositoryFiles
from ebbflow.services.repositories.source_trees import SourceTrees
from ebbflow.services.repositories.synced_file import SyncedFiles
from ebbflow.services.runs.document_check import DocumentCheck
from ebbflow.services.runs.inventories import Inventories
from ebbflow.services.runs.made_objects import MadeLog, NotingObjects
from ebbflow.services.runs.node_statuses import MESSAGE_EVERY
from ebbflow.services.runs.removal import Removal
from ebbflow.services.runs.run_aftermath import RunAftermath
from ebbflow.services.runs.run_execution import RunExecution
from ebbflow.services.runs.run_nodes import RunNodes
from ebbflow.services.runs.run_queue import RunQueue
from ebbflow.services.runs.run_rounds import RunRounds
from ebbflow.services.runs.run_start import RunStart
from ebbflow.services.runs.source_end import SourceEnd
from ebbflow.services.runs.source_teardown import SourceTeardown
from ebbflow.services.tenant_secrets import TenantSecrets
from tests.support import builders
from tests.support.memory_cluster import ManualClock, MemoryCluster, MemoryStatusWriter
from tests.support.memory_git import MemoryGit
from tests.support.memory_http import MemoryHttp
from tests.support.memory_objects import BLOB, object_id
from tests.support.memory_pods import MemoryPodExec, MemoryPodLogs
from tests.support.memory_run_store import RECORD_KEY, MemoryRunStore
from tests.support.memory_tenant import MemoryObjects

SHOP = Key("Template", "default", "shop")
PERSON = "alice"
"""Who makes Runs by hand where a test names nobody."""

REPOSITORY = "https://git.example.com/acme/infra"
MOST_PASSES = 200


class Followed(ObjectWatch):
    """Notes what is followed."""

    def __init__(self) -> None:
        self.targets: dict[Key, set[ObjectId]] = {}
        self.accounts: set[Account] = set()

    def follow(
        self, key: Key, account: Account, targets: Collection[ObjectId], *, made: bool = True
    ) -> None:
        self.targets.setdefault(key, set()).update(targets)
        self.accounts.add(account)

    def forget(self, key: Key) -> None:
        self.targets.pop(key, None)


class Guard(ApprovalGuard):
    """An API server with the admission policy on Runs, until a test takes it away."""

    in_force = True

    async def refuses_forgeries(self, namespace: str, source: str) -> bool:
        return self.in_force


class Rights(Verbs):
    """An API server in which every account has every verb, but for those that a test takes away."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, Key, str]] = set()
        self.asked = 0

    async def require(self, verb: str, source: Key, account: Account) -> None:
        self.asked += 1
        if (verb, source, account.name) in self.taken:
            raise Denied(f"{account.name} lacks {verb} on {source}; kubectl …", code=403)


class Heard(Events):
    """Notes the events of the world: about whom, and what."""

    def __init__(self) -> None:
        self.all: list[tuple[Key, Notice, datetime]] = []

    async def emit(self, about: Resource, notice: Notice, now: datetime) -> None:
        if (about.key, notice, now) not in self.all:
            self.all.append((about.key, notice, now))


class Leads(Leadership):
    """A process that leads."""

    fence = 1

    async def prove(self, above: int) -> None:
        self.fence = above + 1


class RunWorld:
    """One Template `shop`, its Runs, and passes made by hand."""

    def __init__(
        self, patience: float = PATIENCE, log_patience: float = LAST_WORDS_SECONDS
    ) -> None:
        self._patience = patience
        self._log_patience = log_patience
        self.clock = ManualClock()
        self.cluster = MemoryCluster()
        self.store = MemoryRunStore(self.cluster)
        self.objects = MemoryObjects()
        self._used: Objects = self.objects
        self.git = MemoryGit()
        self.http = MemoryHttp()
        self.watch = Followed()
        self.woken: list[Key] = []
        self.secrets: list[Tainted] = []
        self.leadership = Leads()
        self.guard = Guard()
        self.verbs = Rights()
        self.statuses = MemoryStatusWriter(self.cluster, self.clock)
        self.pod_logs = MemoryPodLogs()
        self.pods = MemoryPodExec()
        self.events = Heard()
        self.restart()

    def use(self, objects: Objects) -> None:
        """Make objects there from now on."""
        self._used = objects
        self.restart()

    def restart(self) -> None:
        """Lose all memory, as a new process has none."""
        cel, log = CelConditions(), MadeLog()
        objects = NotingObjects(self._used, log)
        secrets = TenantSecrets(objects, self.secrets.append)
        access = GitAccess(self.cluster)
        files = RepositoryFiles(self.git, access)
        ports = Ports(
            objects,
            cel,
            secrets,
            files,
            self.http,
            self.cluster,
            self.store,
            self.guard,
            self.verbs,
            self.woken.append,
            self.pod_logs,
            self.pods,
            SourceTrees(self.git, access),
            self.events,
            RepositoryCommits(self.git, access),
            lambda text: any(secret.reveal() in text for secret in self.secrets),
        )
        jobs = AttemptJobs(objects, self.pod_logs, ports.sources, self._log_patience)
        self.kinds = {kind.name: kind for kind in node_kinds(ports)} | {
            "HTTP": Http(self.http, secrets, self._patience),
            "Action": Action(
                Executions(objects, self.pods, self._patience), WorkloadChanges(objects), ports.once
            ),
            "JobRun": JobRun(objects, jobs),
        }
        nodes = RunNodes(self.kinds.values(), secrets, self.clock, lambda text: text)
        inventories, removal = Inventories(self.cluster, self.store), Removal(objects)
        aftermath = RunAftermath(self.store, nodes, inventories, removal, log, cel, self.clock)
        teardown = SourceTeardown(self.store, lambda: RECORD_KEY)
        self.queue = RunQueue(
            self.cluster,
            self.store,
            inventories,
            SourceEnd(self.store, inventories, removal, teardown, self.clock, "default"),
            self.woken.append,
            self.clock,
            self.leadership,
        )
        self.execution = RunExecution(
            self.cluster,
            self.store,
            RunStart(
                self.store,
                objects,
                DocumentCheck(nodes.specs, cel),
                SyncedFiles(self.git, access),
                self.clock,
                "default",
                self.secrets.append,
                lambda: RECORD_KEY,
                inventories,
            ),
            RunRounds(self.store, nodes, cel, self.clock, aftermath.settle),
            self.queue,
            self.watch,
            self.woken.append,
            self.clock,
            self.leadership,
            lambda: RECORD_KEY,
        )

    # What people do

    def template(self, *steps: JsonObject, type: str = "sequential", **fields: Any) -> None:  # noqa: A002 - the document's word
        """Put the Template `shop` whose document has these steps; `fields` are of its spec, but for
        `arguments` and `api_version`, which are the document's.
        """
        document = {
            "apiVersion": fields.pop("api_version", "ebbflow.dev/v1"),
            "arguments": fields.pop("arguments", {}),
            "spec": {"kind": "Workflow", "spec": {"type": type, "steps": list(steps)}},
        }
        built = builders.template("shop").within("default").holding(document)
        self.cluster.put(built.spec(**fields).build())

    def synced(self, repository: str, commit: str | None = None) -> None:
        """Let the Template's status say that it is in step with a commit (by default the head)."""
        sync = {"commit": commit or self.git.head(repository)}
        self.cluster.edit(SHOP, lambda raw: raw.setdefault("status", {}).update(sync=sync))

    def synced_template(self, data: bytes, path: str) -> None:
        """Put the Template `shop` as it is once it has taken its document from a file in Git."""
        document = parse(data, path).value
        self.git.create_repository(REPOSITORY)
        commit = self.git.commit(REPOSITORY, {path: data}, "Add it")
        built = builders.template("shop").within("default").at(REPOSITORY, path=path)
        self.cluster.put(built.holding(document).build())
        sync = {
            "repository": REPOSITORY,
            "branch": "main",
            "path": path,
            "commit": commit,
            "blob": object_id(BLOB, data),
            "documentHash": document_hash(document),
        }
        self.cluster.edit(SHOP, lambda raw: raw.update(status={"sync": sync}))

    def ask(self, name: str = "one", *, by: str | None = PERSON, **spec: Any) -> None:
        """Make a Run by hand, as the admission webhook records it (`by` None: it is away)."""
        now = int(self.cluster.clock.now().timestamp())
        record = by_user(RECORD_KEY, NewPlace("default", name), by, now)
        self.cluster.put(
            {
                "kind": "Run",
                "metadata": {
                    "name": name,
                    "namespace": "default",
                    "annotations": {CREATED_BY: record} if record else {},
                },
                "spec": {"source": {"kind": "Template", "name": "shop"}, **spec},
            }
        )

    def change(self, *steps: JsonObject, **fields: Any) -> None:
        """Give the Template other steps; `fields` are of its spec."""

        def changed(raw: JsonObject) -> None:
            raw["spec"].update(fields)
            if steps:
                raw["spec"]["document"]["spec"]["spec"]["steps"] = list(steps)

        self.cluster.edit(SHOP, changed)

    async def start(self, *steps: JsonObject, **fields: Any) -> None:
        """Put the Template `shop` with these steps, and start the Run `one`; see `template`."""
        self.template(*steps, **fields)
        self.ask()
        await self.settle()

    async def has_run(self, name: str, **spec: Any) -> Run:
        """Make a Run by hand and take it to its end."""
        self.ask(name, **spec)
        await self.settle()
        return self.run(name)

    def edit(self, name: str, **spec: Any) -> None:
        """Change a Run's spec."""
        self.cluster.edit(Key("Run", "default", name), lambda raw: raw["spec"].update(spec))

    def request(self, name: str, token: str) -> None:
        """Ask for a pass over a Run by annotation."""

        def asked(raw: JsonObject) -> None:
            raw["metadata"].setdefault("annotations", {})[REQUESTED_AT] = token

        self.cluster.edit(Key("Run", "default", name), asked)

    # What the operator does

    async def settle(self, *names: str) -> None:
        """Make passes until nothing asks for one at once."""
        self.woken += [queue_key(SHOP)]
        for _ in range(MOST_PASSES):
            if not self.woken:
                return
            await self.one_pass(self.woken.pop(0))
        raise AssertionError("the passes never come to an end")

    async def one_pass(self, key: Key) -> Postponed | None:
        """Make one pass, again if something changed under it."""
        for _ in range(10):
            try:
                if key.kind == QUEUE:
                    return await self._queue_pass(key)
                return await self.execution.reconcile(key)
            except StaleWrite:
                continue
        raise AssertionError(f"{key} is stale for ever")

    async def _queue_pass(self, key: Key) -> Postponed | None:
        """Make a pass over a queue, and write what it reports, as the loop does."""
        found = await self.queue.reconcile(key)
        if not isinstance(found, Report):
            return found
        await self.statuses.write(found)
        return None

    async def look(self, name: str = "one") -> Postponed | None:
        """Make one pass over a Run."""
        return await self.one_pass(Key("Run", "default", name))

    async def told(self, name: str = "one") -> None:
        """Let so much time pass that the words of nodes under way are written down."""
        self.clock.advance(MESSAGE_EVERY.total_seconds())
        await self.look(name)

    async def look_until(self, phase: str, name: str = "one") -> None:
        """Make passes, each when it was asked for, until the Run is in a phase."""
        for _ in range(MOST_PASSES):
            if self.phase(name) == phase:
                return
            # A request in memory is answered as soon as others have had their turn.
            await asyncio.sleep(0)
            delay = await self.look(name)
            self.clock.advance(delay.after.total_seconds() if delay else 0)
        raise AssertionError(f"the Run {name} is {self.phase(name)} for ever")

    # What is there

    def run(self, name: str = "one") -> Run:
        raw = self.cluster.raw(Key("Run", "default", name))
        assert raw is not None, f"there is no Run {name}"
        return Run.parse(raw)

    def phase(self, name: str = "one") -> str | None:
        return self.run(name).status.phase

    def message(self, name: str = "one") -> str:
        return self.run(name).status.message or ""

    def node(self, path: str, name: str = "one") -> NodeStatus:
        return next(n for n in self.run(name).status.nodes or () if n.path == path)

    def phases(self, name: str = "one") -> dict[str, str]:
        return {n.path: n.phase for n in self.run(name).status.nodes or ()}

    def announced(self, reason: str) -> list[str]:
        """Return the messages of the events with this reason, oldest first."""
        return [message for _, said, message, _ in self.store.events if said == reason]

    def shop(self) -> Template:
        return self.cluster.template()

    def advance(self, delay: Postponed | None) -> None:
        """Let the time pass that a pass asked for."""
        assert delay is not None, "nothing was asked for"
        self.clock.advance(delay.after / timedelta(seconds=1))


def config_map(name: str, **data: Any) -> JsonObject:
    """Return a Manifest node that makes a ConfigMap."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    return {"kind": "Manifest", "ref": name, "spec": {"manifest": manifest}}
