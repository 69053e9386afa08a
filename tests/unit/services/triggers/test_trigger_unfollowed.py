"""What a trigger does not follow has verdicts too, with the reason, and starts nothing."""

from __future__ import annotations

from ebbflow.domain.triggers.change import PullRequest
from tests.support.trigger_world import URL, TriggerWorld


async def looked(**spec: object) -> TriggerWorld:
    world = TriggerWorld(**spec)
    await world.operator.settle()
    return world


async def test_a_push_to_another_branch_is_told_with_its_reason() -> None:
    world = await looked(branches=["main"])
    first = world.push("stage")
    await world.operator.look()
    second = world.push("stage")
    world.git.tag(URL, "v1", second)
    await world.operator.look()
    assert world.reasons() == [("Ignored", "BranchNotMatched")] * 2
    assert [(one.ref, one.before, one.after) for one in world.deliveries()] == [
        ("refs/heads/stage", first, second),
        ("refs/heads/stage", None, first),
    ]
    assert world.verdicts.counted == [("Push", "Ignored", "BranchNotMatched")] * 2
    assert [head["ref"] for head in world.status()["heads"]] == ["refs/heads/main"]
    assert world.runs() == []


async def test_no_branches_follow_nothing_and_the_verdict_says_so() -> None:
    world = await looked(branches=None)
    report = await world.operator.one_pass()
    assert report is not None
    assert "Nothing can start: spec.branches is empty" in report.outcome.message
    world.push()
    await world.operator.look()
    (verdict,) = world.deliveries()
    assert (verdict.reason, "which is empty" in (verdict.message or "")) == (
        "BranchNotMatched",
        True,
    )


async def test_a_tag_of_another_name_is_told() -> None:
    world = await looked(type="Tag", tags=["v*"], branches=None)
    world.git.tag(URL, "rc1", world.push())
    await world.operator.look()
    assert world.reasons() == [("Ignored", "TagNotMatched")]


async def test_a_pull_request_from_another_branch_is_told_once_a_commit() -> None:
    git = {"repository": URL, "accountRef": {"name": "acme"}}
    world = await looked(type="PullRequest", branches=["feature/*"], git=git)
    sha = world.push("fix/1")
    world.providers.pulls.append(PullRequest(7, "fix/1", sha, "main"))
    for _ in range(3):
        await world.operator.settle()
    assert world.reasons() == [("Ignored", "BranchNotMatched")]
    assert world.deliveries()[0].ref == "pull/7"


async def test_what_is_there_at_first_or_goes_or_was_not_followed_before_has_no_verdict() -> None:
    world = await looked(branches=["main"])
    world.push("stage")
    await world.restart().settle()
    world.git.point(URL, "stage", None)
    world.push("other")
    world.trigger(branches=["main", "release/*"])
    await world.operator.look()
    assert world.deliveries() == []


async def test_a_name_that_no_status_can_hold_is_passed_over() -> None:
    world = await looked(branches=["main"])
    world.push("x" * 1100)
    await world.operator.look()
    assert world.deliveries() == []


async def test_a_busy_repository_does_not_push_out_the_verdicts_that_started_something() -> None:
    world = await looked(branches=["main"])
    world.push()
    await world.operator.look()
    for number in range(30):
        world.push(f"feature/{number}")
        await world.operator.look()
    reasons = [reason for _, reason in world.reasons()]
    assert reasons == ["BranchNotMatched"] * 5 + ["RulesMet"]
    assert world.deliveries()[0].ref == "refs/heads/feature/29"


async def test_pushes_to_both_at_once_have_both_verdicts_and_all_their_runs() -> None:
    world = await looked(branches=["main", "release/*"])
    for number in range(20):
        world.push(f"release/{number:02}")
        world.push(f"feature/{number:02}")
    await world.operator.look()
    assert len(world.runs()) == 20
