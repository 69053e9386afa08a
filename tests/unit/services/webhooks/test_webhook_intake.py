"""Deliveries of Git providers on a cluster in memory: who is believed, and what is passed on."""

from __future__ import annotations

import asyncio

import pytest

from ebbflow.api.gitaccount import WebhookStatus
from ebbflow.domain.ports import ClusterError
from ebbflow.services.gathered import Gathered
from ebbflow.services.webhooks.git_hooks import UNAUTHORIZED
from tests.support.deliveries import github_push
from tests.support.webhook_world import ACME, OTHER, URL, WebhookWorld


@pytest.fixture
async def at() -> WebhookWorld:
    return WebhookWorld()


async def test_a_genuine_push_is_looked_at_once_however_often_it_comes(at: WebhookWorld) -> None:
    answers = [await at.deliver() for _ in range(200)]
    assert {(a.status, a.outcome) for a in answers} == {(202, "taken")}
    assert at.watch.looks == ["d-github"]
    running = asyncio.create_task(at.schedule.run())
    await at.pass_time(0.3)
    assert len(at.watch.looks) == 2
    await at.pass_time(6)
    assert len(at.watch.looks) == 3
    running.cancel()


async def test_many_deliveries_cost_few_requests(at: WebhookWorld) -> None:
    for _ in range(1000):
        await at.deliver()
    reads = [call for call in at.cluster.calls if call.startswith("get Git")]
    assert len(reads) <= 2
    for _ in range(1000):
        assert (await at.deliver(secret="guessed")) == UNAUTHORIZED
    assert len(at.cluster.calls) <= 4
    for number in range(10_000):
        answer = await at.deliver(account=f"team.nobody-{number}")
        assert answer == UNAUTHORIZED or answer.status == 429
    assert len(at.cluster.calls) < 300
    assert (await at.deliver()).status == 202


async def test_a_flood_of_names_does_not_tell_which_there_are(at: WebhookWorld) -> None:
    assert (await at.deliver()).status == 202
    names = [f"team.nobody-{number}" for number in range(200)]
    flooded = [(await at.deliver(account=name)).status for name in names]
    assert set(flooded) == {401, 429}
    wrong, unknown = await at.deliver(secret="guessed"), await at.deliver(account="team.new")
    assert wrong == unknown
    assert wrong.status == 429
    assert (await at.deliver()).status == 202


async def test_strangers_and_other_namespaces_are_answered_alike(at: WebhookWorld) -> None:
    asked = ("team.nobody", "elsewhere.acme", "nonsense", "team.acme")
    answers = [await at.deliver(secret="guessed", account=account) for account in asked]
    assert answers == [UNAUTHORIZED] * 4
    assert (await at.deliver(account="team.nobody")) == UNAUTHORIZED
    assert at.watch.looks == []


async def test_what_nobody_uses_pings_and_other_events_are_ignored(at: WebhookWorld) -> None:
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


async def test_a_secret_that_was_changed_a_moment_ago_counts_at_once(at: WebhookWorld) -> None:
    assert (await at.deliver()).status == 202
    at.cluster.add_secret("team", "acme-webhook", {"secret": "new"})
    at.clock.advance(1.1)
    assert (await at.deliver(secret="new")).status == 202
    assert (await at.deliver()) == UNAUTHORIZED


async def test_while_the_cluster_is_away_the_sender_is_asked_to_come_again(
    at: WebhookWorld,
) -> None:
    at.cluster.failures = [ClusterError("away", code=0)] * 2
    answer = await at.deliver()
    assert (answer.status, answer.retry_after is not None) == (503, True)
    assert (await at.call()).status == 503
    at.signs = False
    assert (await at.call()).status == 503


async def test_a_replica_that_does_not_lead_passes_on_what_it_was_told(at: WebhookWorld) -> None:
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


async def test_the_clock_of_another_replica_may_be_behind(at: WebhookWorld) -> None:
    at.hints.heed(await at.account())
    for seen, time in enumerate(("12:00:05", "12:00:01", "12:00:03"), 1):
        await at.store.note_webhooks(await at.account(), (noted(URL, time),))
        at.clock.advance(1)
        at.hints.heed(await at.account())
        at.hints.heed(await at.account())
        assert len(at.watch.looks) == seen


async def test_what_the_leader_notes_for_people_hides_nothing_of_others(at: WebhookWorld) -> None:
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


async def test_who_begins_to_lead_does_not_look_for_what_is_old(at: WebhookWorld) -> None:
    at.leads = False
    await at.deliver()
    await at.hints.close(1)
    at.leads = True
    at.hints.heed(await at.account())
    assert at.watch.looks == []


async def test_a_write_that_somebody_was_faster_than_is_made_anew(at: WebhookWorld) -> None:
    at.leads = False
    at.cluster.rivals = [lambda: at.cluster.edit(ACME, lambda raw: raw["metadata"].update(x=1))]
    await at.deliver()
    await at.hints.close(1)
    assert (await at.account()).status.webhooks
