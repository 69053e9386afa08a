"""HTTP nodes: one request an attempt, whatever happens around it."""

from __future__ import annotations

import pytest

from ebbflow.domain.http import HttpError
from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.errands import KEPT
from ebbflow.services.nodes.http import Http
from tests.support.run_stage import RunWorld, config_map

CALL = {"kind": "HTTP", "ref": "call", "spec": {"method": "POST", "url": "https://a.example.com/"}}


@pytest.fixture
def world() -> RunWorld:
    made = RunWorld(patience=0)
    made.template(CALL)
    return made


async def test_a_slow_answer_is_waited_for_and_asked_for_once(world: RunWorld) -> None:
    world.http.released.clear()
    world.ask()
    await world.settle()
    for _ in range(3):
        await world.told()
    assert (world.node("0").phase, world.node("0").message) == ("Running", "waits for the answer")
    world.http.released.set()
    await world.look_until("Succeeded")
    assert len(world.http.requests) == 1


async def test_a_killed_operator_sends_it_again_with_the_same_key(world: RunWorld) -> None:
    world.http.released.clear()
    world.ask()
    await world.settle()
    world.restart()
    world.http.released.set()
    await world.look_until("Succeeded")
    first, second = (request["headers"]["Idempotency-Key"] for request in world.http.requests)
    assert first == second


async def test_who_does_not_wait_goes_on_and_nothing_is_kept(world: RunWorld) -> None:
    world.template(CALL | {"condition": "none"}, config_map("after", v="1"))
    world.http.released.clear()
    world.ask()
    await world.settle()
    assert world.phase() == "Succeeded"
    kind = world.kinds["HTTP"]
    assert isinstance(kind, Http)
    assert kind.on_their_way == 1
    world.http.released.set()
    world.clock.advance(KEPT.total_seconds() + 1)
    world.ask("two")
    await world.settle()
    assert kind.on_their_way == 0


async def test_another_attempt_has_another_key(world: RunWorld) -> None:
    world.template(CALL | {"settings": {"maxAttempts": 2, "backoff": {"delay": 1}}})
    world.http.answers.append(HttpError("no connection"))
    world.ask()
    await world.settle()
    await world.look_until("Succeeded")
    first, second = (request["headers"]["Idempotency-Key"] for request in world.http.requests)
    assert first != second


async def test_what_cannot_get_better_is_not_tried_again(world: RunWorld) -> None:
    world.template(CALL | {"settings": {"maxAttempts": 3, "backoff": {"delay": 1}}})
    world.http.answers.append(HttpError("nobody may connect there", final=True))
    world.ask()
    await world.settle()
    await world.look_until("Failed")
    assert (world.node("0").attempt, len(world.http.requests)) == (1, 1)


async def test_a_cancelled_run_waits_for_no_answer(world: RunWorld) -> None:
    world.http.released.clear()
    world.ask()
    await world.settle()
    world.edit("one", cancel=True)
    await world.look()
    assert world.phase() == "Cancelled"


async def test_a_dry_run_sends_nothing(world: RunWorld) -> None:
    world.ask(dryRun=True)
    await world.settle()
    assert world.phase() == "Succeeded"
    assert world.http.requests == []
    assert [change.object for change in world.run().status.plan or ()] == ["POST request"]


async def test_a_secret_that_comes_back_is_still_one(world: RunWorld) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": "aHVudGVyMg=="}}
    world.objects.put({"apiVersion": "v1", **secret})
    echo = {**CALL["spec"], "body": {"key": "${secrets.s.values.key}"}}
    seen = config_map("seen", said="${refs.call.body.echo}", plain="${refs.call.body.ok}")
    world.template(CALL | {"spec": echo}, seen)
    world.http.answer(200, {"echo": "you said hunter2", "ok": True})
    world.ask()
    await world.settle()
    await world.look_until("Succeeded")
    assert world.node("0").outputs == {"body": {"ok": True}}
    assert world.objects.live("ConfigMap", "seen")["data"]["said"] == "you said hunter2"
    assert Tainted("hunter2") in [Tainted(secret.reveal()) for secret in world.secrets]


async def test_an_unexpected_answer_with_a_secret_in_it_is_not_repeated(world: RunWorld) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": "aHVudGVyMg=="}}
    world.objects.put({"apiVersion": "v1", **secret})
    world.template(CALL | {"spec": {**CALL["spec"], "body": "${secrets.s.values.key}"}})
    world.http.answer(400, "what is hunter2?")
    world.ask()
    await world.settle()
    await world.look_until("Failed")
    assert world.node("0").message == "POST: it answered 400"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({}, "exactly one of url and urlFrom", id="no address"),
        pytest.param({"url": "https://a", "method": "BREW"}, "spec.method", id="no method"),
        pytest.param({"url": "https://a", "expect": [99]}, "100 to 599", id="no status"),
        pytest.param({"url": "https://a", "headers": {"a b": "c"}}, "a name has", id="no name"),
        pytest.param({"url": "https://a", "headers": {"a": "b\nc"}}, "control", id="line break"),
        pytest.param({"url": "https://a", "headers": {"Host": "b"}}, "leave it out", id="host"),
        pytest.param({"url": "https://a", "retries": 3}, "spec.retries", id="unknown field"),
    ],
)
async def test_a_spec_that_is_none_is_refused_before_anything_runs(
    world: RunWorld, spec: dict[str, object], words: str
) -> None:
    await world.start(config_map("a", v="1"), {"kind": "HTTP", "spec": spec})
    assert world.phase() == "Failed"
    assert words in world.message()
    assert world.objects.names() == []
