"""A world without servers for the sync: a cluster, Git, a clock, and the services between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from ebbflow.api.base import GROUP, JsonObject, Key
from ebbflow.api.template import Template
from ebbflow.domain.edit_record import ANNOTATION, after_edit, held, sign
from ebbflow.domain.git import Remote
from ebbflow.domain.leaks import nothing_is_secret
from ebbflow.domain.outcome import Postponed, Report
from ebbflow.services.repositories.git_access import GitAccess
from ebbflow.services.repositories.repository_watch import RepositoryWatch
from ebbflow.services.schedule import Schedule
from ebbflow.services.sync.first_sights import FirstSights
from ebbflow.services.sync.template_sync import TemplateSync
from ebbflow.services.sync.update_runs import Content
from tests.support import builders
from tests.support.memory_cluster import ManualClock, MemoryCluster, MemoryStatusWriter
from tests.support.memory_git import MemoryGit
from tests.support.memory_run_store import RECORD_KEY

URL = "https://git.example/acme/infra"
PATH = "templates/shop.yaml"
SHOP = Key("Template", "default", "shop")

FILE = b"""\
# The shop
apiVersion: v1.2
arguments:
  REPLICAS: "2"     # how many
  COLOUR: red
spec: {kind: Workflow, spec: {type: sequential, steps: []}}
"""


class CountedSyncs:
    """SyncMetrics that lists what was carried."""

    def __init__(self) -> None:
        self.directions: list[str] = []

    def git_operation(self, operation: str, outcome: str, seconds: float) -> None:
        """Not looked at."""

    def sync(self, direction: str) -> None:
        self.directions.append(direction)


class NotedUpdates:
    """Updates that start nothing; `makers` are whom a Run of each would name."""

    def __init__(self) -> None:
        self.makers: list[str | None] = []

    async def carry(self, report: Report, content: Content) -> Report:
        self.makers.append(await content.who() if content.who else None)
        return report


class SyncWorld:
    """One Template `shop`, one repository, and passes made by hand."""

    def __init__(self, window: timedelta = timedelta(0)) -> None:
        self.clock = ManualClock()
        self.cluster = MemoryCluster()
        self.status = MemoryStatusWriter(self.cluster, self.clock)
        self.git = MemoryGit()
        self.woken: list[Key] = []
        self.schedule = Schedule(self.clock)
        self.metrics = CountedSyncs()
        self.updates = NotedUpdates()
        self.window = window
        self.restart()

    def restart(self) -> None:
        """Lose all memory, as a new process has none."""
        self.access = GitAccess(self.cluster)
        self.sights = FirstSights()
        self.watch = RepositoryWatch(
            self.git, self.woken.append, self.schedule, self.clock, Random(1)
        )
        self.service = TemplateSync(
            self.cluster,
            self.status,
            self.git,
            self.access,
            self.watch,
            self.clock,
            self.metrics,
            poll_interval=timedelta(minutes=1),
            commit_window=self.window,
            record_key=lambda: RECORD_KEY,
            is_secret=nothing_is_secret,
            updates=self.updates,
            sights=self.sights,
        )

    def template(self, document: JsonObject | None = None, **spec: Any) -> None:
        """Put the Template `shop` at PATH of URL."""
        built = builders.template("shop").within("default").at(URL, PATH)
        if document is not None:
            built = built.holding(document)
        self.cluster.put(built.spec(**spec).build())

    def repository(self, text: bytes | None = FILE) -> str:
        """Make the repository, with the file unless there is no text."""
        return self.git.create_repository(URL, {"README.md": b"# Infra\n"} | _file(text))

    def push(self, text: bytes | None) -> str:
        """Commit the file as a person would; None removes it."""
        return self.git.commit(URL, _file(text) or {PATH: None}, "By hand")

    def push_seen(self, text: bytes) -> str:
        """Commit the file as a person would, and let the operator's poll see it."""
        commit = self.push(text)
        self.watch.moved(Remote(URL), "main", commit)
        return commit

    def annotate(self, **annotations: str) -> None:
        """Annotate the object; `requested_at` stands for ebbflow.dev/requested-at."""
        named = {f"{GROUP}/{key.replace('_', '-')}": text for key, text in annotations.items()}
        self.cluster.edit(SHOP, lambda raw: raw["metadata"]["annotations"].update(named))

    def edit(self, **arguments: str) -> None:
        """Change arguments of the object's document as a person would."""
        self.cluster.edit(SHOP, lambda raw: raw["spec"]["document"]["arguments"].update(arguments))

    def edit_by(self, user: str, **arguments: str) -> None:
        """Change arguments of the object's document as a user whom the webhook has seen."""
        before = held(self.shop())
        self.edit(**arguments)
        now = held(self.shop())
        record = after_edit(RECORD_KEY, before, user, now.document_hash)
        assert record is not None
        noted = {ANNOTATION: sign(RECORD_KEY, now.subject, record)}
        self.cluster.edit(SHOP, lambda raw: raw["metadata"]["annotations"].update(noted))

    def before_the_next_push(self, action: Callable[[], object]) -> None:
        """Do this once, when the server gets the next push; it may raise."""
        _once(self.git.before_push, action)

    def after_the_next_push(self, action: Callable[[], object]) -> None:
        """Do this once, when the server has taken the next push; it may raise."""
        _once(self.git.after_push, action)

    def file(self) -> bytes:
        return self.git.show(URL, "main", PATH)

    def shop(self) -> Template:
        return self.cluster.template()

    def arguments(self) -> JsonObject:
        return (self.shop().spec.document or {})["arguments"]

    def ready(self) -> tuple[str, str, str]:
        """Status, reason and message of Ready."""
        (ready,) = [c for c in self.shop().status.conditions if c.type == "Ready"]
        return ready.status, ready.reason, ready.message

    def commits(self) -> list[str]:
        """Subjects of the branch's commits, newest first."""
        return [commit.message.splitlines()[0] for commit in self.git.log(URL)]

    async def reconcile(self, key: Key = SHOP) -> Report | Postponed | None:
        """Make one pass and write its status, as the loop does."""
        report = await self.service.reconcile(key)
        if isinstance(report, Report):
            await self.status.write(report)
        return report

    async def settled(self) -> None:
        """Let tasks that were started in the background come to their end."""
        for _ in range(50):
            await asyncio.sleep(0)


def _once(hooks: list[Callable[[], None]], action: Callable[[], object]) -> None:
    def hook() -> None:
        hooks.remove(hook)
        action()

    hooks.append(hook)


def _file(text: bytes | None) -> dict[str, bytes | None]:
    return {PATH: text} if text is not None else {}
