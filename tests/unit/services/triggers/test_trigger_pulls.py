"""Pull requests: a new commit starts one run, and so does what no longer holds one back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ebbflow.domain.git import Remote
from ebbflow.domain.triggers.change import PullRequest
from tests.support.memory_cluster import Killed
from tests.support.trigger_world import TRIGGER, URL, TriggerWorld

GIT = {"repository": URL, "accountRef": {"name": "acme"}}


async def looked(type_: str = "PullRequest", **spec: object) -> TriggerWorld:
    world = TriggerWorld(type=type_, git=GIT, **spec)
    await world.operator.settle()
    assert world.deliveries() == []
    return world


def opened(world: TriggerWorld, number: int = 7, **fields: object) -> PullRequest:
    """Open a pull request of one commit; what the provider tells of it."""
    world.git.point(URL, f"feature/{number}", world.git.head(URL))
    sha = world.push(f"feature/{number}", f"Change {number}", app=b"1\n")
    told = PullRequest(number, f"feature/{number}", sha, "main", author="ada", title="More")
    told = replace(told, **fields)  # type: ignore[arg-type] # fields of the test
    world.providers.pulls.append(told)
    return told


async def test_a_pull_request_starts_a_run_that_knows_it() -> None:
    world = await looked()
    pull = opened(world)
    await world.operator.settle()
    await world.operator.settle()
    (run,) = world.runs()
    values = world.values(run)
    assert isinstance(values, dict)
    told = {key: values["trigger"][key] for key in ("pullRequestId", "baseBranch", "branch", "sha")}
    assert told == {
        "pullRequestId": "7",
        "baseBranch": "main",
        "branch": "feature/7",
        "sha": pull.head_sha,
    }
    assert values["trigger"]["message"].strip() == "Change 7"


async def test_only_what_the_pull_request_itself_changes_counts() -> None:
    world = await looked(paths={"mode": "Allow", "patterns": ["docs/"]})
    opened(world)
    world.push("main", "Meanwhile", **{"docs/x": b"1\n"})
    await world.operator.settle()
    assert world.reasons() == [("Ignored", "PathsNotMatched")]


async def test_a_fork_waits_for_its_commit_to_be_approved() -> None:
    world = await looked()
    pull = opened(world, fork=True, head_repository="eve/shop")
    await world.operator.settle()
    assert world.reasons() == [("Ignored", "ForkNotApproved")]
    approved = {"ebbflow.dev/approve-fork": pull.head_sha}
    world.cluster.edit(TRIGGER, lambda raw: raw["metadata"].update(annotations=approved))
    await world.operator.settle()
    assert len(world.runs()) == 1


async def test_a_label_that_comes_later_starts_a_run() -> None:
    world = await looked("PullRequestLabel", branches=None, labels=["preview"])
    pull = opened(world)
    await world.operator.settle()
    assert world.reasons() == [("Ignored", "LabelNotMatched")]
    world.providers.pulls[:] = [replace(pull, labels=("preview",))]
    await world.operator.settle()
    assert len(world.runs()) == 1


async def test_what_an_incomplete_listing_lacks_is_not_taken_for_closed() -> None:
    world = await looked()
    pull = opened(world)
    await world.operator.settle()
    world.providers.pulls.clear()
    world.providers.complete = False
    await world.operator.settle()
    world.providers.pulls.append(pull)
    await world.operator.settle()
    assert len(world.runs()) == 1


@pytest.mark.parametrize("calls", range(4, 9))
async def test_a_crash_loses_no_run_of_a_pull_request(calls: int) -> None:
    world = await looked()
    pull = opened(world)
    world.cluster.die_after(calls)
    try:
        await world.operator.settle()
    except Killed:
        await world.restart().settle()
    world.cluster.live_on()
    (run,) = world.runs()
    values = world.values(run)
    assert isinstance(values, dict)
    assert (values["trigger"]["pullRequestId"], values["trigger"]["sha"]) == ("7", pull.head_sha)


async def test_what_a_hint_had_us_find_is_told_with_its_delivery_and_later_finds_are_not() -> None:
    world = await looked()
    first = opened(world)
    assert world.operator.watch.look_now(lambda remote, _: remote.url == URL, "d-1") == 1
    assert world.operator.woken == [TRIGGER]
    await world.operator.settle()
    opened(world, 8)
    await world.operator.settle()
    by_poll, by_hint = world.deliveries()
    assert (by_hint.source, by_hint.id, by_hint.after) == ("Webhook", "d-1#1", first.head_sha)
    assert by_poll.source == "Poll"


async def test_without_an_api_it_is_told_what_is_missing() -> None:
    world = TriggerWorld(type="PullRequest", git={"repository": URL})
    report = await world.operator.one_pass()
    assert report is not None
    assert "account whose provider has an API" in report.outcome.message


async def test_a_commit_that_git_does_not_hand_out_is_judged_by_what_the_provider_tells() -> None:
    world = await looked()
    opened(world, head_sha="0123456789" * 4, fork=True)
    world.trigger(type="PullRequest", git=GIT, forks={"allow": True})
    await world.operator.settle()
    opened(world, 8, head_sha="9876543210" * 4, fork=True)
    await world.operator.settle()
    assert len(world.runs()) == 1
    assert await world.git.merge_base(Remote(URL), "9876543210" * 4, "0123456789" * 4) is None
