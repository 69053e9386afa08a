"""What moves is judged once, recorded, and starts its Runs once: over crashes, rivals and old news."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ebbflow.domain.git import Unreachable
from ebbflow.domain.outcome import Done, Stalled, Waiting
from tests.support.memory_cluster import Killed
from tests.support.trigger_world import (
    SHOP,
    TRIGGER,
    URL,
    TriggerOperator,
    TriggerWorld,
)


async def looked(**spec: object) -> TriggerWorld:
    world = TriggerWorld(**spec)
    await world.operator.settle()
    world.cluster.calls.clear()
    world.git.operations.clear()
    return world


async def test_what_is_there_at_first_starts_nothing() -> None:
    world = await looked()
    assert [head["ref"] for head in world.status()["heads"]] == ["refs/heads/main"]
    assert world.deliveries() == []
    assert world.runs() == []


async def test_a_push_starts_one_run_with_its_values() -> None:
    world = await looked(ref="backend", arguments={"COLOUR": "red"})
    commit = world.push(message="Say more")
    await world.operator.look()
    (run,) = world.runs()
    values = world.values(run)
    assert isinstance(values, dict)
    assert values["backend"]["branch"] == "main"
    assert values["backend"]["sha"] == commit
    assert values["backend"]["message"].strip() == "Say more"
    assert run.spec.arguments == {"COLOUR": "red"}
    (verdict,) = world.deliveries()
    assert (verdict.verdict, verdict.runs, verdict.after) == ("Fired", (run.metadata.name,), commit)
    assert world.verdicts.counted == [("Push", "Fired", "RulesMet")]


async def test_a_poll_that_finds_nothing_new_costs_one_listing_and_no_write() -> None:
    world = await looked()
    world.push()
    await world.operator.look()
    world.cluster.calls.clear()
    world.git.operations.clear()
    await world.operator.look()
    assert world.git.operations == {"ls-remote": 1}
    assert world.cluster.calls == [f"get {TRIGGER}"]


async def test_what_several_moves_start_is_read_once() -> None:
    world = await looked()
    for branch in ("one", "two", "three"):
        world.push(branch)
    await world.operator.look()
    assert len(world.runs()) == 3
    assert world.cluster.calls.count(f"get {SHOP}") == 1


async def test_a_move_back_and_forth_starts_a_run_each_time() -> None:
    world = await looked()
    first = world.git.head(URL)
    second = world.push()
    await world.operator.look()
    for target in (first, second, first):
        world.git.point(URL, "main", target)
        await world.operator.look()
    assert len(world.runs()) == 4
    assert [one.after for one in reversed(world.deliveries())] == [second, first, second, first]


async def test_a_branch_made_later_starts_a_run_and_a_deletion_none() -> None:
    world = await looked()
    world.push("feature/one")
    await world.operator.look()
    world.git.point(URL, "feature/one", None)
    await world.operator.look()
    assert world.reasons() == [("Ignored", "RefDeleted"), ("Fired", "RulesMet")]
    assert len(world.runs()) == 1


async def test_what_a_hint_had_us_find_is_told_with_its_delivery() -> None:
    world = await looked()
    world.push()
    watch = world.operator.watch
    assert watch.look_now(lambda remote, _: remote.url == URL, "d-1") == 1
    await asyncio.gather(*watch._tasks)
    assert world.operator.woken == [TRIGGER]
    await world.operator.settle()
    (verdict,) = world.deliveries()
    assert (verdict.source, verdict.id) == ("Webhook", "d-1#2")
    (run,) = world.runs()
    assert '"delivery":"d-1"' in run.metadata.annotations["ebbflow.dev/trigger"]
    await world.operator.look()
    assert len(world.runs()) == 1


async def test_many_branches_at_once_start_a_run_each_although_the_ledger_is_short() -> None:
    world = await looked()
    names = [f"release/{number}" for number in range(45)]
    for name in names:
        world.push(name)
    await world.operator.look()
    assert len({run.metadata.name for run in world.runs()}) == 45
    assert len(world.deliveries()) == 20


@pytest.mark.parametrize("calls", range(9))
async def test_a_crash_anywhere_neither_loses_a_run_nor_makes_it_twice(calls: int) -> None:
    world = await looked(targets=[{"kind": "Template", "name": n} for n in ("shop", "cafe")])
    world.template("cafe")
    commit = world.push(message="Say more")
    world.cluster.die_after(calls)
    try:
        await world.operator.look()
    except Killed:
        await world.restart().settle()
    runs = world.runs()
    assert sorted(run.spec.source.name for run in runs) == ["cafe", "shop"]
    (verdict,) = world.deliveries()
    assert verdict.verdict == "Fired"
    assert set(verdict.runs or ()) == {run.metadata.name for run in runs}
    for run in runs:
        values = world.values(run)
        assert isinstance(values, dict)
        assert (values["trigger"]["sha"], values["trigger"]["branch"]) == (commit, "main")
        assert values["trigger"]["message"].strip() == "Say more"


async def test_a_crash_before_and_after_the_branch_moved_on_starts_a_run_for_each() -> None:
    world = await looked()
    first = world.push(message="First")
    world.cluster.die_at("create Run")
    with pytest.raises(Killed):
        await world.operator.look()
    second = world.push(message="Second")
    await world.restart().settle()
    assert [one.after for one in reversed(world.deliveries())] == [first, second]
    assert len(world.runs()) == 2


async def test_two_operators_at_once_start_one_run() -> None:
    world = await looked()
    other = TriggerOperator(world)
    await other.settle()
    for number in range(5):
        world.push(message=f"Push {number}")
        await asyncio.gather(world.operator.look(), other.look())
        assert len(world.runs()) == number + 1
    assert {verdict for verdict, _ in world.reasons()} == {"Fired"}


async def test_an_operator_with_old_news_does_not_take_it_for_a_move_back() -> None:
    world = await looked()
    asleep, awake = world.operator, TriggerOperator(world)
    await awake.settle()
    world.push()
    await awake.look()
    # It listed the branch before the push, and only now makes a pass.
    world.clock.advance(1)
    await asleep.settle()
    assert len(world.runs()) == 1
    assert len(world.deliveries()) == 1


async def test_a_paused_trigger_records_and_fetches_nothing() -> None:
    world = await looked(paused=True, pausedReason="the freeze")
    world.push()
    await world.operator.look()
    assert world.reasons() == [("Ignored", "TriggerPaused")]
    assert "the freeze" in (world.deliveries()[0].message or "")
    assert world.git.operations == {"ls-remote": 1}
    world.trigger(paused=False)
    await world.operator.look()
    assert world.runs() == []


async def test_a_paused_target_is_no_failure() -> None:
    world = await looked()
    world.template(options={"paused": True})
    world.push()
    await world.operator.look()
    assert world.reasons() == [("Ignored", "TargetPaused")]
    assert world.runs() == []


async def test_a_target_that_is_missing_does_not_stop_the_others() -> None:
    targets = [{"kind": "Template", "name": "gone"}, {"kind": "Template", "name": "shop"}]
    world = await looked(targets=targets)
    world.push()
    await world.operator.look()
    (verdict,) = world.deliveries()
    assert verdict.verdict == "Fired"
    assert "there is no Template gone" in (verdict.message or "")
    assert [run.spec.source.name for run in world.runs()] == ["shop"]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param({"kind": "Template", "name": "gone"}, id="missing"),
        pytest.param({"kind": "ReleaseFlow", "name": "shop"}, id="of a kind without runs"),
    ],
)
async def test_a_trigger_without_any_target_to_start_says_so(target: object) -> None:
    world = await looked(targets=[target])
    world.push()
    await world.operator.look()
    assert world.reasons() == [("Failed", "TargetNotFound")]


async def test_a_tag_starts_a_run_by_its_own_rules() -> None:
    world = await looked(type="Tag", tags=["v*"], branches=None)
    head = world.push()
    world.git.tag(URL, "v1", head)
    world.git.tag(URL, "nightly", head)
    await world.operator.look()
    (run,) = world.runs()
    values = world.values(run)
    assert isinstance(values, dict)
    assert (values["trigger"]["tag"], values["trigger"]["sha"]) == ("v1", head)


async def test_git_that_cannot_be_asked_is_told_and_costs_no_move() -> None:
    world = await looked()
    commit = world.push()
    world.git.fail(URL, Unreachable("git.example did not answer"))
    for _ in range(2):
        await world.operator.look()
    report = await world.operator.one_pass()
    assert report is not None
    assert isinstance(report.outcome, Waiting)
    world.git.fail(URL, None)
    await world.operator.look()
    assert [one.after for one in world.deliveries()] == [commit]


async def test_patterns_that_cannot_be_read_are_told_before_anything_moves() -> None:
    world = TriggerWorld(paths={"patterns": ["docs/", "[z-a]"]})
    report = await world.operator.one_pass()
    assert report is not None
    assert isinstance(report.outcome, Stalled)
    assert "spec.paths.patterns: '[z-a]'" in report.outcome.message


async def test_after_an_edit_of_the_rules_what_is_new_is_a_starting_point() -> None:
    world = await looked(branches=["main"])
    world.push("stage")
    world.trigger(branches=["main", "stage"])
    await world.operator.look()
    assert world.runs() == []
    world.push("stage")
    await world.operator.look()
    assert len(world.runs()) == 1


async def test_a_suspended_trigger_is_not_looked_at_and_catches_up_afterwards() -> None:
    world = await looked(suspend=True)
    world.push()
    await world.operator.look()
    assert world.status()["conditions"][0]["reason"] == "Suspended"
    assert world.git.operations == {}


async def test_a_trigger_that_is_gone_is_not_polled_for() -> None:
    world = await looked()
    world.cluster.delete(TRIGGER)
    await world.operator.settle()
    world.git.operations.clear()
    await world.operator.look()
    assert world.git.operations == {}


async def test_a_schedule_starts_what_is_due_and_of_missed_times_one() -> None:
    world = await looked(type="Schedule", schedule="0 * * * *", git=None, branches=None)
    assert world.runs() == []
    assert world.status()["nextRunAt"].startswith("2026-01-02T04:00:00")
    world.clock.advance(timedelta(hours=1).total_seconds())
    await world.operator.settle()
    assert len(world.runs()) == 1
    world.clock.advance(timedelta(hours=7).total_seconds())
    await world.restart().settle()
    assert len(world.runs()) == 2
    assert "6 earlier times were missed" in (world.deliveries()[0].message or "")
    assert world.reasons() == [("Fired", "Scheduled")] * 2


async def test_a_schedule_that_is_paused_records_its_times_with_the_reason() -> None:
    paused = {"paused": True, "pausedReason": "the freeze"}
    world = await looked(type="Schedule", schedule="0 * * * *", git=None, branches=None, **paused)
    world.clock.advance(timedelta(hours=2).total_seconds())
    await world.operator.settle()
    assert world.reasons() == [("Ignored", "TriggerPaused")]
    message = world.deliveries()[0].message or ""
    assert "the freeze" in message
    assert "1 earlier times were missed" in message


async def test_another_schedule_starts_nothing_for_times_before_it() -> None:
    world = await looked(type="Schedule", schedule="0 0 * * *", git=None, branches=None)
    world.clock.advance(timedelta(hours=3).total_seconds())
    world.trigger(type="Schedule", schedule="0 * * * *", git=None, branches=None)
    await world.operator.settle()
    assert world.runs() == []


@pytest.mark.parametrize("calls", range(5))
async def test_a_crash_of_a_schedule_starts_one_run(calls: int) -> None:
    world = await looked(type="Schedule", schedule="0 * * * *", git=None, branches=None)
    world.clock.advance(timedelta(hours=1).total_seconds())
    world.cluster.die_after(calls)
    try:
        await world.operator.settle()
    except Killed:
        await world.restart().settle()
    assert len(world.runs()) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(None, "SecretNotFound", id="no-secret"),
        pytest.param({"other": "x"}, "SecretIncomplete", id="no-key"),
        pytest.param({"key": "\n"}, "SecretIncomplete", id="empty"),
        pytest.param({"key": "k"}, "Watching", id="a-key"),
    ],
)
async def test_a_trigger_that_nobody_can_call_says_so(
    data: dict[str, str] | None, reason: str
) -> None:
    key = {"keyFrom": {"secretKeyRef": {"name": "hook", "key": "key"}}}
    world = TriggerWorld(type="Webhook", git=None, branches=None, **key)
    if data is not None:
        world.cluster.add_secret("default", "hook", data)
    report = await world.operator.one_pass()
    assert report is not None
    assert isinstance(report.outcome, Done if reason == "Watching" else Stalled)
    assert report.outcome.reason == reason


async def test_a_run_that_only_has_the_name_is_not_taken_for_ours() -> None:
    world = await looked()
    world.push()
    await world.operator.look()
    (run,) = world.runs()
    assert (
        run.metadata.owner_references[0].uid == (world.cluster.raw(SHOP) or {})["metadata"]["uid"]
    )
