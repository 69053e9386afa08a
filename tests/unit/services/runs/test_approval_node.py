"""Approvals: who counts, who does not, and when nobody can be believed."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.run import Approval
from ebbflow.domain.authorship import Edit, Record
from ebbflow.domain.edit_record import ANNOTATION, held, sign
from ebbflow.services.nodes.approval import ApprovalSpec, count
from ebbflow.services.nodes.kind import Failed, Running, Succeeded, Working
from tests.support.memory_run_store import RECORD_KEY
from tests.support.run_stage import SHOP, RunWorld

ROBOT = "system:serviceaccount:ci:robot"


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


def running(*said: Approval, **more: Any) -> Running:
    fields = {"actor": "ada", "editors": (), "account": None, "commit": None, **more}
    return Running(key=SHOP, uid="u", source=SHOP, source_uid="s", approvals=said, **fields)


def says(user: str, decision: str = "Approve", node: str = "0") -> Approval:
    return Approval.model_validate({"node": node, "user": user, "decision": decision})


@pytest.mark.parametrize(
    ("spec", "said", "people"),
    [
        pytest.param({}, [says("bob")], ["bob"], id="one"),
        pytest.param({}, [says("ada")], ["ada"], id="the author, where nobody is left out"),
        pytest.param({"amount": 2}, [says("bob"), says("ada")], ["ada", "bob"], id="two"),
        pytest.param({"excludeAuthor": True}, [says("ada"), says("bob")], ["bob"], id="another"),
    ],
)
def test_enough_different_people_let_the_run_go_on(
    spec: dict[str, Any], said: list[Approval], people: list[str]
) -> None:
    result = count(ApprovalSpec.model_validate(spec), running(*said), "0")
    assert isinstance(result, Succeeded)
    assert result.outputs == {"approvedBy": people}


@pytest.mark.parametrize(
    ("spec", "said", "more"),
    [
        pytest.param({}, [], {}, id="nobody"),
        pytest.param({}, [says("bob", node="0.1")], {}, id="one of another node"),
        pytest.param({"amount": 2}, [says("bob")], {}, id="one of two"),
        pytest.param({"amount": 2}, [says("bob"), says("bob", node="1")], {}, id="one twice"),
        pytest.param({"excludeAuthor": True}, [says("ada")], {}, id="who made the Run"),
        pytest.param({"excludeAuthor": True}, [says("bob")], {"editors": ("bob",)}, id="an editor"),
        pytest.param(
            {"excludeAuthor": True},
            [says(ROBOT)],
            {"editors": ("ci/robot",)},
            id="an editor by the name in the commit",
        ),
    ],
)
def test_it_waits_for_more_than(
    spec: dict[str, Any], said: list[Approval], more: dict[str, Any]
) -> None:
    result = count(ApprovalSpec.model_validate(spec), running(*said, **more), "0")
    assert isinstance(result, Working)
    assert "waits for 1 more approval" in result.message


def test_who_does_not_count_is_told_why() -> None:
    result = count(ApprovalSpec(exclude_author=True), running(says("ada")), "0")
    assert isinstance(result, Working)
    assert "ada made the Run or its document and does not count" in result.message


def test_one_rejection_ends_it() -> None:
    result = count(ApprovalSpec(amount=2), running(says("bob"), says("eve", "Reject")), "0")
    assert result == Failed("rejected by eve", final=True)


APPROVED = [{"node": "0", "user": "bob", "decision": "Approve"}]


async def test_without_the_policy_it_fails_with_the_command_that_installs_it(
    world: RunWorld,
) -> None:
    world.guard.in_force = False
    world.template({"kind": "Approval", "spec": {}})
    world.ask(approvals=APPROVED)
    await world.settle()
    assert world.phase() == "Failed"
    assert "ebbflow install --crds-only" in (world.node("0").message or "")


async def test_a_policy_that_goes_while_people_are_waited_for_lets_nothing_pass(
    world: RunWorld,
) -> None:
    await world.start({"kind": "Approval", "spec": {}})
    assert world.phase() == "Waiting"
    world.guard.in_force = False
    world.edit("one", approvals=APPROVED)
    await world.look()
    assert world.phase() == "Failed"


async def test_a_dry_run_asks_nobody(world: RunWorld) -> None:
    world.guard.in_force = False
    world.template({"kind": "Approval", "spec": {}})
    world.ask(dryRun=True)
    await world.settle()
    assert world.phase() == "Succeeded"


async def test_where_authors_do_not_count_a_run_by_nobody_knows_whom_fails(world: RunWorld) -> None:
    world.template({"kind": "Approval", "spec": {"excludeAuthor": True}})
    world.ask(by=None, approvals=APPROVED)
    await world.settle()
    assert world.phase() == "Failed"
    assert "not recorded who made this Run" in (world.node("0").message or "")


async def test_who_made_the_run_is_told_and_left_out(world: RunWorld) -> None:
    world.template({"kind": "Approval", "spec": {"excludeAuthor": True}})
    world.ask(by="bob")
    await world.settle()
    trigger = world.run().status.trigger
    assert trigger is not None
    assert (trigger.type, trigger.actor) == ("Manual", "bob")
    world.edit("one", approvals=APPROVED)
    await world.look()
    assert world.phase() == "Waiting"
    world.edit("one", approvals=[*APPROVED, {**APPROVED[0], "user": "ada"}])
    await world.look()
    assert world.phase() == "Succeeded"


async def test_all_recorded_editors_of_the_document_are_left_out(world: RunWorld) -> None:
    world.template({"kind": "Approval", "spec": {"excludeAuthor": True}})
    holds = held(world.shop())
    edits = (
        Edit("bob", "earlier"),
        Edit(None, "by nobody knows whom"),
        Edit("carol", holds.document_hash),
    )
    record = sign(RECORD_KEY, holds.subject, Record(None, edits))
    world.cluster.edit(SHOP, lambda raw: raw["metadata"].update(annotations={ANNOTATION: record}))
    world.ask(by="ada")
    await world.settle()
    said = [{**APPROVED[0], "user": user} for user in ("bob", "carol")]
    world.edit("one", approvals=said)
    await world.look()
    assert world.phase() == "Waiting"
    world.edit("one", approvals=[*said, {**APPROVED[0], "user": "dan"}])
    await world.look()
    assert world.phase() == "Succeeded"


async def test_how_many_are_missing_is_told_a_little_later(world: RunWorld) -> None:
    await world.start({"kind": "Approval", "spec": {"amount": 2}})
    world.edit("one", approvals=APPROVED)
    world.advance(await world.look())
    assert await world.look() is None
    assert "waits for 1 more approval" in (world.node("0").message or "")
