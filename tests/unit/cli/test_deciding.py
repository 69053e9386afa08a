"""Approvals and cancellations: what is written, and what is refused before it is."""

from __future__ import annotations

import pytest

from ebbflow.cli.deciding import Said, approval, asked_node, cancelling
from ebbflow.cli.problem import Problem
from tests.support.cli_runs import node, run_of

YES = Said("Approve")
EARLIER = {"node": "0", "user": "ada", "decision": "Approve"}


def test_the_only_node_that_waits_for_people_is_found() -> None:
    run = run_of(node("0", "Waiting", "Condition"), node("1.2", "Waiting", "Approval"))
    assert asked_node(run, None) == "1.2"


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        pytest.param((), "no node of the Run shop-1 waits", id="none"),
        pytest.param(
            (node("0", "Waiting", "Approval"), node("1", "Waiting", "Approval", ref="boss")),
            "0, 1 (boss)",
            id="several",
        ),
    ],
)
def test_if_it_is_not_one_the_problem_says_which_there_are(nodes: tuple, words: str) -> None:
    with pytest.raises(Problem) as raised:
        asked_node(run_of(*nodes), None)
    assert words in str(raised.value)


BOSS = node("1", "Waiting", "Approval", ref="boss")
LOOP = (
    node("0[0].0", "Waiting", "Approval", ref="ask"),
    node("0[1].0", "Waiting", "Approval", ref="ask"),
)


@pytest.mark.parametrize("wanted", ["1", "boss"])
def test_a_node_is_named_by_its_path_or_its_ref(wanted: str) -> None:
    assert asked_node(run_of(node("0", "Running", "Delay"), BOSS), wanted) == "1"


@pytest.mark.parametrize(
    ("nodes", "wanted", "words"),
    [
        pytest.param((BOSS,), "9.9", "those that have: 1 (boss)", id="mistyped"),
        pytest.param((node("0", "Running", "Delay"),), "0", "have: none", id="no-approval"),
        pytest.param(LOOP, "ask", "name one: --node 0[0].0", id="one-for-each-item-of-a-loop"),
    ],
)
def test_a_node_that_nobody_can_approve_is_refused_before_it_is_written(
    nodes: tuple, wanted: str, words: str
) -> None:
    with pytest.raises(Problem) as raised:
        asked_node(run_of(*nodes), wanted)
    assert words in str(raised.value)


def test_the_first_approval_makes_the_list_and_the_next_is_appended() -> None:
    entry = {"node": "0", "user": "ada", "decision": "Approve"}
    (first,) = approval(run_of(), YES, "0", "ada")
    assert first == {"op": "add", "path": "/spec/approvals", "value": [entry]}
    (second,) = approval(run_of(approvals=[EARLIER]), Said("Reject", message="no"), "0", "grace")
    assert second["path"] == "/spec/approvals/-"
    assert second["value"] == {
        "node": "0",
        "user": "grace",
        "decision": "Reject",
        "message": "no",
    }


def test_saying_the_same_again_writes_nothing_and_the_opposite_is_refused() -> None:
    run = run_of(approvals=[EARLIER])
    assert approval(run, YES, "0", "ada") == []
    with pytest.raises(Problem, match="has already said Approve"):
        approval(run, Said("Reject"), "0", "ada")


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Cancelled", "Skipped"])
def test_nothing_is_decided_about_a_run_that_has_ended(phase: str) -> None:
    for decide in (cancelling, lambda run: approval(run, YES, "0", "ada")):
        with pytest.raises(Problem, match=f"has ended: it is {phase}"):
            decide(run_of(phase=phase))


def test_a_run_is_cancelled_once() -> None:
    assert cancelling(run_of()) == [{"op": "add", "path": "/spec/cancel", "value": True}]
    assert cancelling(run_of(cancel=True)) == []
