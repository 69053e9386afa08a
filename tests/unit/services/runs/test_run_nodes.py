"""What the settings of a node mean: conditions, retries, timeouts, failures that others survive."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import (
    Busy,
    Changed,
    Denied,
    Invalid,
    KindMissing,
    ObjectError,
    ObjectId,
)
from tests.support.run_stage import RunWorld, config_map


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


def deployment(name: str, **envelope: Any) -> JsonObject:
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": 1, "template": {}},
    }
    return {"kind": "Manifest", "ref": name, "spec": {"manifest": manifest}, **envelope}


def job(name: str, **envelope: Any) -> JsonObject:
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {}}
    return {"kind": "Manifest", "ref": name, "spec": {"manifest": manifest}, **envelope}


def refuse(world: RunWorld, words: str, *errors: ObjectError) -> None:
    """Answer calls that contain the words with these errors, one after the other."""
    left = list(errors)

    def refusal(call: str) -> ObjectError | None:
        return left.pop(0) if words in call and left else None

    world.objects.refusals.append(refusal)


JOB = ObjectId("batch", "Job", "default", "j")


# How far a node's work goes


async def test_a_node_of_condition_none_does_not_wait_for_health(world: RunWorld) -> None:
    await world.start(deployment("d", condition="none"), config_map("a", v="1"))
    assert world.phase() == "Succeeded"


async def test_a_northflank_node_without_a_condition_fires_and_goes_on(world: RunWorld) -> None:
    await world.start(deployment("d"), config_map("a", v="1"), api_version="v1.2")
    assert world.phase() == "Succeeded"


async def test_one_that_could_not_make_its_effect_has_not_fired(world: RunWorld) -> None:
    refuse(world, "apply Deployment", KindMissing("no such kind yet", code=404))
    await world.start(deployment("d", condition="none"))
    assert world.node("0").phase == "Running"
    world.clock.advance(5)
    await world.look()
    assert world.phase() == "Succeeded"
    assert world.objects.names() == ["Deployment default/d"]


async def test_waiting_is_all_that_some_kinds_do_so_they_wait_in_northflank_files_too(
    world: RunWorld,
) -> None:
    await world.start({"kind": "Delay", "spec": {"duration": "1m"}}, api_version="v1.2")
    assert world.phases() == {"0": "Waiting"}


async def test_a_node_of_condition_running_goes_on_when_its_job_is_at_work(world: RunWorld) -> None:
    await world.start(job("j", condition="running"), config_map("a", v="1"))
    assert world.phases() == {"0": "Running"}
    world.objects.set_status(JOB, {"active": 1, "startTime": "2026-11-21T00:00:00Z"})
    await world.look()
    assert world.phase() == "Succeeded"


async def test_a_node_of_condition_success_waits_for_its_jobs_end(world: RunWorld) -> None:
    await world.start(job("j", condition="success"), config_map("a", v="1"))
    world.objects.set_status(JOB, {"active": 1, "startTime": "2026-11-21T00:00:00Z"})
    await world.look()
    assert world.phases() == {"0": "Running"}


# Attempts


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        pytest.param({"type": "fixed", "delay": 5}, [5, 5, 5], id="fixed"),
        pytest.param({"type": "exponential", "delay": 5}, [5, 10, 20], id="exponential"),
        pytest.param({"delay": "${args.PAUSE}"}, [7, 7, 7], id="an-expression"),
    ],
)
async def test_a_failed_attempt_is_made_again_after_the_backoff(
    world: RunWorld, backoff: JsonObject, pauses: list[int]
) -> None:
    refuse(world, "apply ConfigMap", *(Denied(f"no, {n}", code=403) for n in range(4)))
    settings = {"maxAttempts": "5", "backoff": backoff}
    await world.start(config_map("a", v="1") | {"settings": settings}, arguments={"PAUSE": "7"})
    for attempt, seconds in enumerate(pauses, start=1):
        node = world.node("0")
        assert (node.phase, node.attempt) == ("Retrying", attempt)
        assert node.message == f"no, {attempt - 1}"
        world.clock.advance(seconds - 1)
        await world.look()
        assert world.node("0").attempt == attempt
        world.clock.advance(1)
        await world.look()
    assert world.node("0").attempt == 4
    assert world.phase() == "Running"


async def test_the_last_attempt_decides(world: RunWorld) -> None:
    refuse(world, "apply ConfigMap", *(Denied("not allowed", code=403) for _ in range(2)))
    settings = {"maxAttempts": 2, "backoff": {"delay": 1}}
    await world.start(config_map("a", v="1") | {"settings": settings})
    world.clock.advance(1)
    await world.look()
    assert world.phase() == "Failed"
    assert world.message() == "Manifest a (0): not allowed"


async def test_what_no_other_attempt_can_do_better_is_not_tried_again(world: RunWorld) -> None:
    node = {
        "kind": "Manifest",
        "settings": {"maxAttempts": 5},
        "spec": {"manifest": {"kind": "ConfigMap", "metadata": {"name": "${args.NAME}"}}},
    }
    await world.start(node, arguments={"NAME": "x"})
    assert world.phase() == "Failed"
    assert world.node("0").attempt == 1
    assert world.message() == (
        "Manifest 0: spec.spec.steps[0].spec: apiVersion is missing: give it a text"
    )


# What can pass by itself


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Busy("429, slow down", code=429, retry_after=timedelta(seconds=3)), id="429"),
        pytest.param(Changed("409, it changed meanwhile", code=409), id="409"),
        pytest.param(Busy("500, no etcd", code=500), id="500"),
    ],
)
async def test_a_refusal_that_can_pass_is_waited_out_and_the_new_content_arrives(
    world: RunWorld, error: ObjectError
) -> None:
    await world.start(config_map("a", v="old"))
    world.template(config_map("a", v="new"))
    refuse(world, "apply ConfigMap", error)
    world.ask("two")
    await world.settle()
    assert world.phase("two") == "Running"
    assert world.node("0", "two").attempt == 1
    world.advance(await world.look("two"))
    await world.look("two")
    assert world.phase("two") == "Succeeded"
    assert world.objects.live("ConfigMap", "a")["data"] == {"v": "new"}


async def test_retry_after_is_kept_whatever_wakes_the_run_before(world: RunWorld) -> None:
    refuse(world, "apply ConfigMap", Busy("slow down", code=429, retry_after=timedelta(seconds=9)))
    await world.start(config_map("a", v="1"))
    for _ in range(8):
        world.clock.advance(1)
        await world.look()
    assert tries(world) == 1
    world.clock.advance(1)
    await world.look()
    assert world.phase() == "Succeeded"


async def test_the_longer_it_lasts_the_seldomer_it_is_tried(world: RunWorld) -> None:
    refuse(world, "apply ConfigMap", *(KindMissing("none", code=404) for _ in range(100)))
    await world.start(config_map("a", v="1"))
    seen = {}
    for second in range(1, 301):
        world.clock.advance(1)
        await world.look()
        seen[second] = tries(world)
    assert 8 <= seen[20] <= 10
    assert seen[300] - seen[240] == 2


def tries(world: RunWorld) -> int:
    return sum(call.startswith("apply") for call in world.objects.calls)


# Time


@pytest.mark.parametrize("seconds", [4, 600])
async def test_an_attempt_that_takes_too_long_says_what_it_waited_for(
    world: RunWorld, seconds: int
) -> None:
    await world.start(deployment("d", timeoutDuration=seconds))
    world.clock.advance(seconds)
    await world.look()
    assert world.phase() == "Failed"
    message = world.node("0").message or ""
    assert "; at last: Deployment default/d: " in message


async def test_a_timeout_can_come_from_an_argument_and_is_seconds_without_a_unit(
    world: RunWorld,
) -> None:
    await world.start(deployment("d", timeoutDuration="${args.T}"), arguments={"T": 30})
    world.clock.advance(29)
    await world.look()
    assert world.phase() == "Running"
    world.clock.advance(1)
    await world.look()
    assert world.phase() == "Failed"


async def test_a_run_that_takes_too_long_fails_and_its_nodes_are_stopped(world: RunWorld) -> None:
    await world.start(deployment("d"), timeout="1m")
    world.clock.advance(60)
    await world.look()
    assert (world.phase(), world.run().status.reason) == ("Failed", "TimedOut")
    assert world.phases() == {"0": "Cancelled"}


async def test_a_run_says_what_it_waits_for_even_if_nothing_ever_happens(world: RunWorld) -> None:
    await world.start(deployment("d"))
    postponed = await world.look()
    assert postponed is not None
    assert postponed.after == timedelta(seconds=5)
    world.advance(postponed)
    await world.look()
    assert "Deployment default/d" in world.message()


# Failures beside others


async def test_a_node_that_may_fail_does_not_end_the_run(world: RunWorld) -> None:
    refuse(world, "apply ConfigMap default/a", Invalid("it is wrong", code=422))
    await world.start(config_map("a", v="1") | {"onFailure": "continue"}, config_map("b", v="1"))
    assert world.phase() == "Succeeded"
    assert world.phases() == {"0": "Failed", "1": "Succeeded"}


async def test_after_a_failure_a_sequence_begins_nothing_more(world: RunWorld) -> None:
    refuse(world, "apply ConfigMap default/a", Invalid("it is wrong", code=422))
    await world.start(config_map("a", v="1"), config_map("b", v="1"))
    assert world.phase() == "Failed"
    assert world.phases() == {"0": "Failed"}


async def test_parallel_nodes_come_to_their_end_beside_one_that_failed(world: RunWorld) -> None:
    refuse(world, "apply ConfigMap default/a", Invalid("it is wrong", code=422))
    late = {"kind": "Delay", "spec": {"duration": "30s"}}
    await world.start(config_map("a", v="1"), late, config_map("b", v="1"), type="parallel")
    assert world.phases() == {"0": "Failed", "1": "Waiting", "2": "Succeeded"}
    world.clock.advance(30)
    await world.look()
    assert world.phases()["1"] == "Succeeded"
    assert world.message() == "Manifest a (0): it is wrong"


async def test_a_fault_of_ours_ends_one_node_and_no_other(
    world: RunWorld, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(call: str) -> ObjectError | None:
        if call.startswith("apply ConfigMap default/a"):
            raise ZeroDivisionError
        return None

    world.objects.refusals.append(broken)
    await world.start(config_map("a", v="1"), config_map("b", v="1"), type="parallel")
    assert world.phases() == {"0": "Failed", "1": "Succeeded"}
    assert "a fault of ebbflow" in world.message()
    assert "ZeroDivisionError" in caplog.text


async def test_the_account_of_a_context_is_also_the_one_that_watches(world: RunWorld) -> None:
    inner = {
        "kind": "Workflow",
        "spec": {
            "type": "sequential",
            "context": {"serviceAccountName": "robot"},
            "steps": [deployment("d")],
        },
    }
    await world.start(inner, serviceAccountName="boss")
    assert world.objects.calls[-1].endswith("as robot")
    assert {account.name for account in world.watch.accounts} == {"robot"}
