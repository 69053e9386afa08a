"""The receiver of webhooks on a cluster in memory, for tests of what is believed, read and written."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.domain.git import Remote
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.exchange import Answer, RunCall
from ebbflow.services.accounts.account_webhooks import AccountWebhooks
from ebbflow.services.repositories.repository_watch import Concerns
from ebbflow.services.schedule import Schedule
from ebbflow.services.triggers.triggered_runs import TriggeredRuns
from ebbflow.services.webhooks.call_verdicts import call_verdicts
from ebbflow.services.webhooks.git_hooks import GitHooks
from ebbflow.services.webhooks.keyed_triggers import KeyedTriggers
from ebbflow.services.webhooks.webhook_hints import WebhookHints
from ebbflow.services.webhooks.webhook_intake import WebhookIntake
from tests.support import builders
from tests.support.deliveries import GITHUB, SECRET, delivery, github_push
from tests.support.memory_cluster import ManualClock, MemoryCluster
from tests.support.memory_run_store import MemoryRunStore
from tests.support.memory_webhooks import MemoryWebhookStore
from tests.support.trigger_world import CountedVerdicts, NoTurns

ACME = Key("GitAccount", "team", "acme")
DEPLOY = Key("GitTrigger", "team", "deploy")
URL = "https://github.com/acme/shop"
OTHER = "https://github.com/acme/beside"
FOREIGN = "https://github.com/acme/foreign"
NEIGHBOUR = Key("Template", "neighbours", "shop")
PUSH = github_push(URL)
KEY = "a key"


class ThreeRepositories:
    """Follows two repositories for the account's namespace, one for another; it notes looks."""

    def __init__(self) -> None:
        self.looks: list[str | None] = []

    def look_now(self, concerns: Concerns, delivery: str | None = None) -> int:
        followed = ((URL, DEPLOY), (OTHER, DEPLOY), (FOREIGN, NEIGHBOUR))
        if not any(concerns(Remote(url), (key,)) for url, key in followed):
            return 0
        self.looks.append(delivery)
        return 1


class WebhookWorld:
    """A receiver with an account and a keyed trigger in namespace team."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.cluster = MemoryCluster(self.clock)
        self.store = MemoryWebhookStore(self.cluster)
        self.watch = ThreeRepositories()
        self.leads = True
        self.signs = True
        self.schedule = Schedule(self.clock)
        self.counted = CountedVerdicts()
        self.users: dict[Key, set[Key]] = {}
        self.hints = WebhookHints(
            self.cluster,
            self.store,
            self.watch,
            lambda account: self.users.get(account, ()),
            self.schedule,
            self.clock,
            lambda: self.leads,
        )
        numbers = itertools.count(1)

        def token() -> str:
            return f"token-{next(numbers)}"

        self.accounts = AccountWebhooks(
            self.cluster, self.store, self.hints, self.clock, "https://hooks.dev/", token
        )
        self.verdicts = call_verdicts(self.cluster, self.store, self.counted)
        runs = TriggeredRuns(self.cluster, MemoryRunStore(self.cluster), NoTurns())
        self.intake = WebhookIntake(
            GitHooks(self.cluster, self.hints, self.clock, token),
            KeyedTriggers(self.cluster, self.store, runs, self.verdicts, self.clock, token),
            serves=lambda namespace: namespace != "elsewhere",
            can_sign=lambda: self.signs,
        )
        self.cluster.put(
            builders.git_account("acme").within("team").spec(provider="GitHub").build()
        )
        self.cluster.add_secret("team", "acme-webhook", {"secret": SECRET})
        self.cluster.put(builders.template("shop").within("team").build())
        self.edit_document(arguments={"REPLICAS": "1"})
        self.trigger(
            "deploy", type="Webhook", keyFrom={"secretKeyRef": {"name": "key", "key": "k"}}
        )
        self.cluster.add_secret("team", "key", {"k": KEY + "\n"})

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.schedule.after(0, "now", lambda: None)
        for _ in range(20):
            await asyncio.sleep(0)

    def edit_document(self, **document: Any) -> None:
        def change(raw: dict[str, Any]) -> None:
            raw["spec"] = {**raw.get("spec", {}), "document": document}

        self.cluster.edit(Key("Template", "team", "shop"), change)

    def trigger(self, name: str, **spec: Any) -> None:
        spec = {"targets": [{"kind": "Template", "name": "shop"}], **spec}
        about = {"name": name, "namespace": "team"}
        self.cluster.put({"kind": "GitTrigger", "metadata": about, "spec": spec})

    async def deliver(
        self,
        body: Any = None,
        secret: str = SECRET,
        account: str = "team.acme",
        event: str = "push",
    ) -> Answer:
        sent = delivery({**GITHUB, "x-github-event": event}, body or PUSH, secret=secret)
        return await self.intake.git(account, sent)

    async def call(
        self, key: str = KEY, body: bytes = b"", name: str = "deploy", **headers: str
    ) -> Answer:
        return await self.ask(key, body, (), name, **headers)

    async def ask(
        self, key: str, body: bytes, query: tuple[tuple[str, str], ...], name: str, **headers: str
    ) -> Answer:
        sent = {header.replace("_", "-"): value for header, value in headers.items()}
        made = RunCall("team", "GitTrigger", name, Tainted(key), query, delivery(sent, body))
        return await self.intake.run(made)

    def runs(self) -> list[dict[str, Any]]:
        return [self.cluster.raw(key) or {} for key in self.cluster.keys("Run")]

    async def deliveries(self) -> list[dict[str, Any]]:
        await self.verdicts.close(1)
        raw = self.cluster.raw(DEPLOY) or {}
        return list(raw.get("status", {}).get("deliveries", []))

    async def account(self) -> GitAccount:
        found = await self.cluster.get(GitAccount, "team", "acme")
        assert found is not None
        return found
