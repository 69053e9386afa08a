"""Calls of keyed triggers on a cluster in memory: who is let in, and what runs are made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ebbflow.api.base import Key
from ebbflow.domain.webhooks.delivery import MAX_ID
from ebbflow.services.webhooks.keyed_triggers import UNKNOWN
from tests.support.webhook_world import DEPLOY, KEY, URL, WebhookWorld


@pytest.fixture
async def at() -> WebhookWorld:
    return WebhookWorld()


async def test_a_call_makes_one_run_for_each_delivery(at: WebhookWorld) -> None:
    first = await at.call(idempotency_key="d1")
    again = await at.call(idempotency_key="d1")
    other = await at.call(idempotency_key="d2")
    assert (first.status, first.body["runs"]) == (202, again.body["runs"])
    assert first.body["runs"] != other.body["runs"]
    assert len(at.runs()) == 2
    assert (await at.call()).status == (await at.call()).status == 202
    assert len(at.runs()) == 4
    assert [d["verdict"] for d in await at.deliveries()] == ["Fired"] * 4
    assert at.counted.counted == [("Webhook", "Fired", "RulesMet")] * 4


async def test_long_names_of_calls_that_differ_at_their_end_are_two_calls(
    at: WebhookWorld,
) -> None:
    for end in "112":
        await at.call(idempotency_key="d" * 500 + end)
    assert len(at.runs()) == 2
    assert {len(d["id"]) for d in await at.deliveries()} == {MAX_ID}


async def test_a_call_reads_what_it_is_about_once(at: WebhookWorld) -> None:
    await at.call()  # the key is remembered from now on
    await at.deliveries()
    at.cluster.calls.clear()
    answer = await at.ask(KEY, b"", (("REPLICAS", "5"),), "deploy")
    (run,) = answer.body["runs"]
    assert at.cluster.calls == [
        "get GitTrigger/team/deploy",
        "get Template/team/shop",
        "list GitTriggers of team",
        f"create Run/team/{run}",
    ]


async def test_a_target_that_is_paused_has_arguments_all_the_same(at: WebhookWorld) -> None:
    at.edit_document(arguments={"REPLICAS": "1"}, options={"paused": True})
    answer = await at.ask(KEY, b"", (("REPLICAS", "5"), ("X", "y")), "deploy")
    assert answer.outcome == "paused"
    assert answer.body["ignoredParameters"] == ["X"]


async def test_what_a_call_gives_its_run(at: WebhookWorld) -> None:
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
async def test_an_unknown_name_and_a_wrong_key_are_alike(
    at: WebhookWorld, key: str, name: str
) -> None:
    assert await at.call(key, name=name) == UNKNOWN
    assert at.runs() == []


async def test_an_empty_key_opens_nothing(at: WebhookWorld) -> None:
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
    at: WebhookWorld, spec: dict[str, Any], words: str
) -> None:
    assert (await at.call()).status == 202
    at.cluster.edit(DEPLOY, lambda raw: raw["spec"].update(spec))
    answer = await at.call()
    assert (answer.status, answer.outcome) == (202, "paused")
    assert words in answer.body["message"]
    assert len(at.runs()) == 1
    assert {d["reason"] for d in await at.deliveries()} == {"RulesMet", "TriggerPaused"}


async def test_why_targets_cannot_be_started_is_told(at: WebhookWorld) -> None:
    at.edit_document(options={"paused": True})
    paused = await at.call()
    assert (paused.status, paused.outcome) == (202, "paused")
    at.cluster.delete(Key("Template", "team", "shop"))
    gone = await at.call()
    assert (gone.status, "no Template shop" in gone.body["message"]) == (409, True)
    assert {d["verdict"] for d in await at.deliveries()} == {"Ignored", "Failed"}


async def test_a_body_that_a_run_cannot_hold_is_too_large(at: WebhookWorld) -> None:
    answer = await at.call(body=json.dumps("x" * 70_000).encode())
    assert answer.status == 413
    assert at.runs() == []
    assert (await at.call(body=b'{"cut')).status == 400


async def test_a_trigger_can_be_called_only_so_often(at: WebhookWorld) -> None:
    answers = [await at.call(idempotency_key="same") for _ in range(130)]
    assert {a.status for a in answers} == {202, 429}
    at.clock.advance(1)
    assert (await at.call()).status == 202


async def test_a_call_that_is_made_again_after_it_failed_has_the_verdict_of_the_last_try(
    at: WebhookWorld,
) -> None:
    at.edit_document(options={"paused": True})
    await at.call(idempotency_key="d1")
    assert [d["verdict"] for d in await at.deliveries()] == ["Ignored"]
    at.edit_document()
    await at.call(idempotency_key="d1")
    at.edit_document(options={"paused": True})
    await at.call(idempotency_key="d1")
    assert [d["verdict"] for d in await at.deliveries()] == ["Fired"]
    counted = [("Webhook", "Ignored", "TargetPaused"), ("Webhook", "Fired", "RulesMet")]
    assert at.counted.counted == counted


async def test_a_call_can_set_the_values_that_its_own_trigger_has_by_its_ref(
    at: WebhookWorld,
) -> None:
    at.cluster.edit(DEPLOY, lambda raw: raw["spec"].update(ref="backend"))
    query = (("backend.branch", "a"), ("backend.branch", "feature/ü"), ("backend.nothing", "x"))
    answer = await at.ask(KEY, b"", query, "deploy")
    assert answer.body["ignoredParameters"] == ["backend.nothing"]
    (run,) = at.runs()
    refs = json.loads(run["metadata"]["annotations"]["ebbflow.dev/trigger"])["refs"]
    told = refs["backend"]
    assert (told["branch"], told["sha"], told["pullRequestId"]) == ("feature/ü", "", "")
