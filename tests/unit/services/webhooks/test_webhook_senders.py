"""What refused senders are told, and what they can find out; whom a delivery concerns."""

from __future__ import annotations

import pytest

from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks import signatures
from ebbflow.domain.webhooks.exchange import Answer
from ebbflow.domain.webhooks.signatures import sign_hex
from ebbflow.services.webhooks.git_hooks import UNAUTHORIZED
from ebbflow.services.webhooks.keyed_triggers import UNKNOWN
from tests.support.deliveries import GITEA, GITHUB, SECRET, delivery, github_push
from tests.support.webhook_world import ACME, FOREIGN, KEY, NEIGHBOUR, PUSH, URL, WebhookWorld

TEXT = {"content-type": "text/plain"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PACKED = {"content-type": "application/json", "content-encoding": "gzip"}
CHARSET = {"content-type": "Application/JSON; charset=utf-8", "content-encoding": "identity"}


@pytest.fixture
async def at() -> WebhookWorld:
    return WebhookWorld()


@pytest.mark.parametrize(
    ("headers", "signed"),
    [
        pytest.param(GITHUB, 2, id="its-own-form"),
        pytest.param(GITEA, 2, id="another-form"),
        pytest.param({"x-github-event": "push"}, 0, id="no-signature"),
        pytest.param({}, 0, id="no-form"),
    ],
)
async def test_whether_there_is_an_account_cannot_be_told_from_the_work(
    at: WebhookWorld, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], signed: int
) -> None:
    bodies: list[bytes] = []

    def counted(secret: Tainted, body: bytes) -> str:
        bodies.append(body)
        return sign_hex(secret, body)

    monkeypatch.setattr(signatures, "sign_hex", counted)
    sent = delivery(headers, PUSH, secret="guessed")
    work: dict[str, list[tuple[int, int]]] = {"team.acme": [], "team.nobody": []}
    for _ in range(4):
        for account, done in work.items():
            before = len(at.cluster.calls), len(bodies)
            assert await at.intake.git(account, sent) == UNAUTHORIZED
            done.append((len(at.cluster.calls) - before[0], len(bodies) - before[1]))
        at.clock.advance(2)
    assert work["team.acme"] == work["team.nobody"] == [(2, signed)] * 4


async def test_whether_there_is_a_trigger_cannot_be_told_from_the_reads(at: WebhookWorld) -> None:
    reads: dict[str, list[int]] = {"deploy": [], "nobody": []}
    for _ in range(4):
        for name, done in reads.items():
            before = len(at.cluster.calls)
            assert await at.call("wrong", name=name) == UNKNOWN
            done.append(len(at.cluster.calls) - before)
        at.clock.advance(2)
    assert reads["deploy"] == reads["nobody"] == [2] * 4


async def test_a_delivery_concerns_the_users_of_its_account_and_no_other_namespace(
    at: WebhookWorld,
) -> None:
    foreign = github_push(FOREIGN)
    strange, nowhere = await at.deliver(foreign), await at.deliver(github_push(URL + "-x"))
    assert strange.outcome == nowhere.outcome == "unused"
    assert at.watch.looks == []
    at.users[ACME] = {NEIGHBOUR}
    await at.pass_time(1)
    assert (await at.deliver(foreign)).outcome == "taken"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(TEXT, 415, id="text"),
        pytest.param(FORM, 415, id="a-form"),
        pytest.param(PACKED, 415, id="packed"),
        pytest.param(CHARSET, 202, id="with-a-charset"),
        pytest.param({}, 202, id="without-a-type"),
    ],
)
async def test_the_form_of_a_body_counts_for_those_alone_who_know_the_secret(
    at: WebhookWorld, headers: dict[str, str], status: int
) -> None:
    async def deliver(secret: str) -> Answer:
        return await at.intake.git(
            "team.acme", delivery({**GITHUB, **headers}, PUSH, secret=secret)
        )

    async def call(key: str) -> Answer:
        return await at.call(key, b'{"version": "1"}', **headers)

    assert [(await act("wrong")).status for act in (deliver, call)] == [401, 404]
    assert [(await deliver(SECRET)).status, (await call(KEY)).status] == [status, status]
    # A call needs no body, so it needs no type of one.
    assert (await at.call(KEY, b"", **headers)).status == 202


async def test_a_delivery_with_an_id_that_is_no_text_is_taken_as_any(at: WebhookWorld) -> None:
    odd = {"x-github-delivery": "d-\udcff", "x-github-hook-id": "\udcfe"}
    at.leads = False
    said = await at.intake.git("team.acme", delivery({**GITHUB, **odd}, PUSH))
    assert said.status == 202
    await at.hints.close(1)
    (hook,) = (await at.account()).status.webhooks or ()
    assert hook.id == "?"
    assert (await at.call(idempotency_key="\udcff")).body["delivery"] == "?"


async def test_a_ping_shows_that_the_webhook_of_its_repository_works(at: WebhookWorld) -> None:
    ping = {"zen": "x", "hook_id": 1, "repository": PUSH["repository"]}
    assert (await at.deliver(ping, event="ping")).status == 200
    await at.pass_time(0)
    (hook,) = (await at.account()).status.webhooks or ()
    assert (hook.repository, hook.state) == (URL, "Received")
    assert at.watch.looks == []
