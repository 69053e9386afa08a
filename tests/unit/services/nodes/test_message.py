"""Message nodes: what receivers get, what they may answer, and that it is told once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.http import HttpAnswer, HttpError
from tests.support.run_stage import SHOP, RunWorld, config_map

URL = "https://hooks.example.com/s3cr3t"
KEY = "signing-key"
FROM_SECRET = {"secretKeyRef": {"name": "chat", "key": "url"}}
SIGNED = {"secretKeyRef": {"name": "chat", "key": "key"}}


def message(**spec: Any) -> JsonObject:
    return {"kind": "Message", "ref": "told", "spec": {"message": "1.8.2 is out", **spec}}


SLACK = message(type="Slack", urlFrom=FROM_SECRET)
WEBHOOK = message(type="Webhook", urlFrom=FROM_SECRET, secretFrom=SIGNED)


@pytest.fixture
def world() -> RunWorld:
    made = RunWorld()
    data = {"url": URL, "key": KEY}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat"}, "data": encoded}
    made.objects.put(secret)
    return made


async def run(world: RunWorld, *steps: JsonObject) -> str:
    """Run the steps; the Run's message."""
    world.template(*steps)
    return (await world.has_run("one")).status.message or ""


async def test_slack_gets_the_text(world: RunWorld) -> None:
    await run(world, SLACK)
    assert world.phase() == "Succeeded"
    (request,) = world.http.requests
    assert (request["method"], request["url"]) == ("POST", URL)
    assert request["body"] == {"text": "1.8.2 is out"}


async def test_a_webhook_gets_what_ran_signed_so_that_the_receiver_can_check_it(
    world: RunWorld,
) -> None:
    await run(world, WEBHOOK)
    (request,) = world.http.requests
    headers, body = request["headers"], request["body"]
    signed = f"{headers['Ebbflow-Timestamp']}.{body}".encode()
    expected = hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Ebbflow-Signature"] == f"sha256={expected}"
    assert headers["Ebbflow-Timestamp"] == str(int(world.clock.now().timestamp()))
    assert headers["Content-Type"] == "application/json"
    uid = world.run().metadata.uid
    assert headers["Idempotency-Key"] == f"{uid}/0/1"
    assert json.loads(body) == {
        "message": "1.8.2 is out",
        "run": {"namespace": "default", "name": "one", "uid": uid},
        "source": {"kind": "Template", "namespace": "default", "name": "shop"},
        "node": "0",
        "attempt": 1,
        "commit": None,
        "actor": "alice",
    }


async def test_without_a_secret_to_sign_with_nothing_is_signed(world: RunWorld) -> None:
    await run(world, message(type="Webhook", urlFrom=FROM_SECRET))
    (request,) = world.http.requests
    assert sorted(request["headers"]) == ["Content-Type", "Idempotency-Key"]


async def test_an_event_is_recorded_at_the_source_once(world: RunWorld) -> None:
    await run(world, message(type="Event"))
    ((about, notice, _),) = world.events.all
    assert (about, notice.reason, notice.message) == (SHOP, "Message", "one: 1.8.2 is out")
    assert world.http.requests == []


@pytest.mark.parametrize("kind", ["SLACK", "RAW_WEBHOOK"])
async def test_northflanks_words_are_understood(world: RunWorld, kind: str) -> None:
    spec = {"webhookUrl": "${secrets.chat.values.url}", "message": "out"}
    await run(world, {"kind": "Message", "spec": {"kind": kind, "spec": spec}})
    assert world.phase() == "Succeeded", world.message()
    assert [request["url"] for request in world.http.requests] == [URL]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((404, "no_service"), "Slack answered 404: no_service", id="slack's word"),
        pytest.param((500, "a\n\x00b"), "Slack answered 500: a b", id="one line"),
        pytest.param((302, ""), "Slack answered 302", id="no words"),
        pytest.param((429, "slow"), "Slack answered 429: slow", id="no time given"),
    ],
)
async def test_an_answer_that_is_no_success_is_told(
    world: RunWorld, answer: tuple[int, str], words: str
) -> None:
    world.http.answer(*answer)
    assert await run(world, SLACK) == f"Message told (0): {words}"
    assert world.phase() == "Failed"


async def test_whoever_asks_for_patience_is_asked_again_when_it_said(world: RunWorld) -> None:
    world.http.answer(429, "rate_limited", **{"retry-after": "30"})
    await world.start(SLACK)
    assert world.phase() == "Running"
    assert len(world.http.requests) == 1
    world.clock.advance(29)
    await world.look()
    assert len(world.http.requests) == 1
    world.clock.advance(1)
    await world.look()
    assert world.phase() == "Succeeded"
    first, second = (request["headers"]["Idempotency-Key"] for request in world.http.requests)
    assert first == second


async def test_an_address_where_nobody_may_connect_ends_it(world: RunWorld) -> None:
    world.http.answers.append(HttpError("nobody may connect there", final=True))
    retried = {**SLACK, "settings": {"maxAttempts": 3, "backoff": {"delay": 1}}}
    assert "nobody may connect there" in await run(world, retried)
    assert world.node("0").attempt == 1


async def test_a_killed_operator_sends_it_again_with_the_same_key(world: RunWorld) -> None:
    world.http.answers.append(HttpAnswer(429, {"retry-after": "1"}, b""))
    await world.start(WEBHOOK)
    world.restart()
    await world.look_until("Succeeded")
    first, second = (request["headers"]["Idempotency-Key"] for request in world.http.requests)
    assert first == second


async def test_a_dry_run_tells_nobody(world: RunWorld) -> None:
    world.template(SLACK, message(type="Event") | {"ref": "noted"})
    run = await world.has_run("one", dryRun=True)
    assert (world.http.requests, world.events.all) == ([], [])
    assert [change.object for change in run.status.plan or ()] == ["Slack message", "Event message"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"message": "x"}, "exactly one of type and kind", id="no type"),
        pytest.param({"type": "Slack", "message": "x"}, "need the address", id="no address"),
        pytest.param(
            {"type": "Event", "urlFrom": FROM_SECRET, "message": "x"}, "Event has none", id="event"
        ),
        pytest.param({"type": "Slack", "urlFrom": FROM_SECRET}, "say what", id="no message"),
        pytest.param(
            {"type": "Slack", "urlFrom": FROM_SECRET, "secretFrom": SIGNED, "message": "x"},
            "only messages to a Webhook are signed",
            id="signed slack",
        ),
        pytest.param(
            {"type": "PullRequest", "message": "x"}, "cannot comment on pull requests", id="comment"
        ),
        pytest.param(
            {"kind": "VCS", "spec": {"message": "x"}}, "cannot comment", id="northflank's comment"
        ),
        pytest.param(
            {"kind": "SLACK", "spec": {"webhookUrl": URL, "message": "x"}},
            "put it into a Secret",
            id="literal address",
        ),
        pytest.param(
            {"type": "Slack", "urlFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}},
            "secretKeyRef",
            id="address from a ConfigMap",
        ),
    ],
)
async def test_what_cannot_be_told_is_refused_before_anything_runs(
    world: RunWorld, spec: JsonObject, words: str
) -> None:
    said = await run(world, config_map("a", v="1"), {"kind": "Message", "spec": spec})
    assert world.phase() == "Failed"
    assert words in said
    assert URL not in said
    assert world.objects.names() == ["Secret default/chat"]


async def test_a_secret_cannot_be_told(world: RunWorld) -> None:
    said = await run(
        world, {**SLACK, "spec": {**SLACK["spec"], "message": "${secrets.chat.values.key}"}}
    )
    assert world.phase() == "Failed"
    assert "spec.message" in said
    assert world.http.requests == []


async def test_an_address_that_is_missing_is_named(world: RunWorld) -> None:
    gone = {"secretKeyRef": {"name": "chat", "key": "gone"}}
    said = await run(world, message(type="Slack", urlFrom=gone))
    assert "spec.urlFrom: the Secret chat has no key gone" in said
