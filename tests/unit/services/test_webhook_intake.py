"""Deliveries and calls on a cluster in memory: who is believed, what is read, and what is written."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount, WebhookStatus
from ebbflow.domain.git import Remote
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.exchange import Answer, RunCall
from ebbflow.services.account_webhooks import RECHECK, AccountWebhooks
from ebbflow.services.call_verdicts import call_verdicts
from ebbflow.services.gathered import Gathered
from ebbflow.services.git_hooks import UNAUTHORIZED, GitHooks
from ebbflow.services.keyed_triggers import UNKNOWN, KeyedTriggers
from ebbflow.services.schedule import Schedule
from ebbflow.services.triggered_runs import TriggeredRuns
from ebbflow.services.webhook_hints import WebhookHints
from ebbflow.services.webhook_intake import WebhookIntake
from tests.support import builders
from tests.support.deliveries import GITHUB, SECRET, delivery, github_push
from tests.support.memory_cluster import ManualClock, MemoryCluster
from tests.support.memory_run_store import MemoryRunStore
from tests.support.memory_webhooks import MemoryWebhookStore
from tests.support.trigger_world import NoTurns

ACME = Key("GitAccount", "team", "acme")
DEPLOY = Key("GitTrigger", "team", "deploy")
URL = "https://github.com/acme/shop"
OTHER = "https://github.com/acme/beside"
PUSH = github_push(URL)
KEY = "a key"


class Watch:
    """Follows two repositories, and takes note of looks."""

    def __init__(self) -> None:
        self.looks: list[str | None] = []

    def look_now(self, concerns: Callable[[Remote], bool], delivery: str | None = None) -> int:
        if not any(concerns(Remote(url)) for url in (URL, OTHER)):
            return 0
        self.looks.append(delivery)
        return 1


class World:
    """A receiver with an account and a keyed trigger in namespace team."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.cluster = MemoryCluster(self.clock)
        self.store = MemoryWebhookStore(self.cluster)
        self.watch = Watch()
        self.leads = True
        self.signs = True
        self.schedule = Schedule(self.clock)
        self.hints = WebhookHints(
            self.cluster, self.store, self.watch, self.schedule, self.clock, lambda: self.leads
        )
        numbers = itertools.count(1)

        def token() -> str:
            return f"token-{next(numbers)}"

        self.accounts = AccountWebhooks(
            self.cluster, self.store, self.hints, self.clock, "https://hooks.dev/", token
        )
        self.verdicts = call_verdicts(self.cluster, self.store)
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


@pytest.fixture
async def at() -> World:
    return World()


async def test_a_genuine_push_is_looked_at_once_however_often_it_comes(at: World) -> None:
    answers = [await at.deliver() for _ in range(200)]
    assert {(a.status, a.outcome) for a in answers} == {(202, "taken")}
    assert at.watch.looks == ["d-github"]
    running = asyncio.create_task(at.schedule.run())
    await at.pass_time(0.3)
    assert len(at.watch.looks) == 2
    await at.pass_time(6)
    assert len(at.watch.looks) == 3
    running.cancel()


async def test_many_deliveries_cost_few_requests(at: World) -> None:
    for _ in range(1000):
        await at.deliver()
    reads = [call for call in at.cluster.calls if call.startswith("get Git")]
    assert len(reads) <= 2
    for _ in range(1000):
        assert (await at.deliver(secret="guessed")) == UNAUTHORIZED
    assert len(at.cluster.calls) <= 4
    for number in range(2_000):
        answer = await at.deliver(account=f"team.nobody-{number}")
        assert answer == UNAUTHORIZED or answer.status == 429
    assert len(at.cluster.calls) < 300
    assert (await at.deliver()).status == 202


async def test_a_flood_of_names_does_not_tell_which_there_are(at: World) -> None:
    assert (await at.deliver()).status == 202
    names = [f"team.nobody-{number}" for number in range(200)]
    flooded = [(await at.deliver(account=name)).status for name in names]
    assert set(flooded) == {401, 429}
    wrong, unknown = await at.deliver(secret="guessed"), await at.deliver(account="team.new")
    assert wrong == unknown
    assert wrong.status == 429
    assert (await at.deliver()).status == 202


async def test_strangers_and_other_namespaces_are_answered_alike(at: World) -> None:
    asked = ("team.nobody", "elsewhere.acme", "nonsense", "team.acme")
    answers = [await at.deliver(secret="guessed", account=account) for account in asked]
    assert answers == [UNAUTHORIZED] * 4
    assert (await at.deliver(account="team.nobody")) == UNAUTHORIZED
    assert at.watch.looks == []


async def test_what_nobody_uses_pings_and_other_events_are_ignored(at: World) -> None:
    seen = [
        await at.deliver(github_push("https://github.com/acme/other")),
        await at.deliver({"zen": "x"}, event="ping"),
        await at.deliver({"a": 1}, event="star"),
        await at.deliver(b'{"ref"'),
    ]
    assert [(a.status, a.outcome) for a in seen] == [
        (202, "unused"),
        (200, "ping"),
        (202, "ignored"),
        (400, "malformed"),
    ]
    assert at.watch.looks == []


async def test_a_secret_that_was_changed_a_moment_ago_counts_at_once(at: World) -> None:
    assert (await at.deliver()).status == 202
    at.cluster.add_secret("team", "acme-webhook", {"secret": "new"})
    at.clock.advance(1.1)
    assert (await at.deliver(secret="new")).status == 202
    assert (await at.deliver()) == UNAUTHORIZED


async def test_while_the_cluster_is_away_the_sender_is_asked_to_come_again(at: World) -> None:
    at.cluster.failures = [ClusterError("away", code=0)] * 2
    answer = await at.deliver()
    assert (answer.status, answer.retry_after is not None) == (503, True)
    assert (await at.call()).status == 503
    at.signs = False
    assert (await at.call()).status == 503


async def test_a_replica_that_does_not_lead_passes_on_what_it_was_told(at: World) -> None:
    account = await at.account()
    at.hints.heed(account)
    at.leads = False
    for _ in range(50):
        assert (await at.deliver()).outcome == "taken"
    await at.hints.close(1)
    assert at.watch.looks == []
    noted = [call for call in at.cluster.calls if call.startswith("note webhooks")]
    assert 1 <= len(noted) <= 2
    at.leads = True
    shown = await at.account()
    assert [hook.repository for hook in shown.status.webhooks or ()] == [URL]
    at.hints.heed(shown)
    at.hints.heed(shown)
    assert len(at.watch.looks) == 1


def noted(repository: str, at: str) -> WebhookStatus:
    return WebhookStatus(repository=repository, id="", state="Received", last_delivery_at=at)


async def test_the_clock_of_another_replica_may_be_behind(at: World) -> None:
    at.hints.heed(await at.account())
    for seen, time in enumerate(("12:00:05", "12:00:01", "12:00:03"), 1):
        await at.store.note_webhooks(await at.account(), (noted(URL, time),))
        at.clock.advance(1)
        at.hints.heed(await at.account())
        at.hints.heed(await at.account())
        assert len(at.watch.looks) == seen


async def test_what_the_leader_notes_for_people_hides_nothing_of_others(at: World) -> None:
    at.hints.heed(await at.account())
    await at.store.note_webhooks(await at.account(), (noted(OTHER, "12:00:05"),))
    await at.deliver()
    await at.pass_time(0)
    shown = await at.account()
    assert {hook.repository for hook in shown.status.webhooks or ()} == {URL, OTHER}
    at.hints.heed(shown)
    assert at.watch.looks == ["d-github", None]


async def test_pieces_that_come_meanwhile_are_done_together() -> None:
    done: list[tuple[str, tuple[int, ...]]] = []

    async def work(key: str, pieces: tuple[int, ...]) -> None:
        done.append((key, pieces))

    gathered = Gathered[str, int](work, 3600, 3)
    for piece in range(2):
        gathered.add("a", piece)
    gathered.add("b", 9)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for piece in range(10):
        gathered.add("a", piece)
    assert done == [("a", (0, 1)), ("b", (9,))]
    await gathered.close(1)
    assert done[2:] == [("a", (7, 8, 9))]


async def test_who_begins_to_lead_does_not_look_for_what_is_old(at: World) -> None:
    at.leads = False
    await at.deliver()
    await at.hints.close(1)
    at.leads = True
    at.hints.heed(await at.account())
    assert at.watch.looks == []


async def test_a_write_that_somebody_was_faster_than_is_made_anew(at: World) -> None:
    at.leads = False
    at.cluster.rivals = [lambda: at.cluster.edit(ACME, lambda raw: raw["metadata"].update(x=1))]
    await at.deliver()
    await at.hints.close(1)
    assert (await at.account()).status.webhooks


async def test_a_call_makes_one_run_for_each_delivery(at: World) -> None:
    first = await at.call(idempotency_key="d1")
    again = await at.call(idempotency_key="d1")
    other = await at.call(idempotency_key="d2")
    assert (first.status, first.body["runs"]) == (202, again.body["runs"])
    assert first.body["runs"] != other.body["runs"]
    assert len(at.runs()) == 2
    assert (await at.call()).status == (await at.call()).status == 202
    assert len(at.runs()) == 4
    assert [d["verdict"] for d in await at.deliveries()] == ["Fired"] * 4


async def test_what_a_call_gives_its_run(at: World) -> None:
    git = {"repository": URL}
    at.trigger("pushes", type="Push", ref="backend", branches=["main"], git=git)
    other = [{"kind": "Template", "name": "other"}]
    at.trigger("others", type="Push", ref="other", branches=["main"], git=git, targets=other)
    query = (("REPLICAS", "5"), ("backend.sha", "c0ffee"), ("other.sha", "x"), ("X", "y"))
    answer = await at.ask(KEY, b'{"a": [1]}', query, "deploy")
    assert answer.body["ignoredParameters"] == ["other.sha", "X"]
    (run,) = at.runs()
    assert run["spec"]["arguments"] == {"REPLICAS": "5"}
    refs = json.loads(run["metadata"]["annotations"]["ebbflow.dev/trigger"])["refs"]
    assert refs["webhook"]["body"] == {"a": [1]}
    assert refs["backend"] | {"sha": "c0ffee", "repoUrl": URL, "branch": ""} == refs["backend"]
    assert "other" not in refs


@pytest.mark.parametrize(
    ("key", "name"),
    [
        pytest.param("wrong", "deploy", id="wrong-key"),
        pytest.param("", "deploy", id="no-key"),
        pytest.param(KEY, "nobody", id="no-trigger"),
        pytest.param(KEY, "..", id="no-name"),
    ],
)
async def test_an_unknown_name_and_a_wrong_key_are_alike(at: World, key: str, name: str) -> None:
    assert await at.call(key, name=name) == UNKNOWN
    assert at.runs() == []


async def test_an_empty_key_opens_nothing(at: World) -> None:
    at.cluster.add_secret("team", "key", {"k": "\n"})
    assert await at.call("") == UNKNOWN
    assert await at.call("\n") == UNKNOWN


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"paused": True, "pausedReason": "a freeze"}, "a freeze", id="paused"),
        pytest.param({"suspend": True}, "suspended", id="suspended"),
    ],
)
async def test_while_it_is_paused_a_call_starts_nothing_and_is_told_why(
    at: World, spec: dict[str, Any], words: str
) -> None:
    assert (await at.call()).status == 202
    at.cluster.edit(DEPLOY, lambda raw: raw["spec"].update(spec))
    answer = await at.call()
    assert (answer.status, answer.outcome) == (202, "paused")
    assert words in answer.body["message"]
    assert len(at.runs()) == 1
    assert {d["reason"] for d in await at.deliveries()} == {"RulesMet", "TriggerPaused"}


async def test_why_targets_cannot_be_started_is_told(at: World) -> None:
    at.edit_document(options={"paused": True})
    paused = await at.call()
    assert (paused.status, paused.outcome) == (202, "paused")
    at.cluster.delete(Key("Template", "team", "shop"))
    gone = await at.call()
    assert (gone.status, "no Template shop" in gone.body["message"]) == (409, True)
    assert {d["verdict"] for d in await at.deliveries()} == {"Ignored", "Failed"}


async def test_a_body_that_a_run_cannot_hold_is_too_large(at: World) -> None:
    answer = await at.call(body=json.dumps("x" * 70_000).encode())
    assert answer.status == 413
    assert at.runs() == []
    assert (await at.call(body=b'{"cut')).status == 400


async def test_a_trigger_can_be_called_only_so_often(at: World) -> None:
    answers = [await at.call(idempotency_key="same") for _ in range(130)]
    assert {a.status for a in answers} == {202, 429}
    at.clock.advance(1)
    assert (await at.call()).status == 202


async def test_an_account_gets_a_secret_and_shows_where_deliveries_go(at: World) -> None:
    at.cluster.remove_secret("team", "acme-webhook")
    shown = await at.accounts.look(await at.account())
    path = "/hooks/git/team.acme"
    assert shown.fields == {
        "webhookPath": path,
        "webhookURL": f"https://hooks.dev{path}",
        "webhookSecret": "acme-webhook",
    }
    assert (shown.trouble, shown.after) == ("", RECHECK)
    made = await at.cluster.get_secret("team", "acme-webhook")
    assert made is not None
    before = len(at.cluster.calls)
    assert await at.accounts.look(await at.account()) == shown
    assert at.cluster.calls[before + 1 :] == ["get Secret/team/acme-webhook"]
    assert (await at.cluster.get_secret("team", "acme-webhook")) == made


async def test_a_rotated_secret_goes_on_counting_for_a_day(at: World) -> None:
    def rotate(raw: dict[str, Any]) -> None:
        raw["spec"]["webhooks"] = {"rotation": "2"}
        raw["status"] = {"webhookSecret": "acme-webhook"}

    assert (await at.deliver()).status == 202
    at.cluster.edit(ACME, rotate)
    shown = await at.accounts.look(await at.account())
    new = await at.cluster.get_secret("team", shown.fields["webhookSecret"])
    assert new is not None
    at.clock.advance(11)
    assert (await at.deliver()).status == 202
    assert (await at.deliver(secret=new.data["secret"].reveal())).status == 202
    at.clock.advance(24 * 3600)
    assert (await at.deliver()) == UNAUTHORIZED
    assert (await at.deliver(secret=new.data["secret"].reveal())).status == 202


@pytest.mark.parametrize(
    ("webhooks", "words"),
    [
        pytest.param({"manage": False, "secretRef": {"name": "mine"}}, "does not exist", id="gone"),
        pytest.param(
            {"manage": False, "secretRef": {"name": "key"}}, "lacks", id="without-the-key"
        ),
    ],
)
async def test_what_is_wrong_with_a_secret_by_hand_is_said(
    at: World, webhooks: dict[str, Any], words: str
) -> None:
    at.cluster.edit(ACME, lambda raw: raw["spec"].update(webhooks=webhooks))
    shown = await at.accounts.look(await at.account())
    assert words in shown.trouble


async def test_an_account_without_webhooks_shows_none(at: World) -> None:
    at.cluster.edit(ACME, lambda raw: raw["spec"].update(webhooks={"manage": False}))
    assert (await at.accounts.look(await at.account())).fields == {}
    at.clock.advance(11)
    assert (await at.deliver()) == UNAUTHORIZED


async def test_a_right_that_is_missing_is_said_and_stops_nothing(at: World) -> None:
    at.cluster.remove_secret("team", "acme-webhook")
    account = await at.account()
    at.cluster.fail_at("create Secret", ClusterError("secrets is forbidden", code=403))
    shown = await at.accounts.look(account)
    assert "forbidden" in shown.trouble
    assert shown.fields["webhookPath"]
