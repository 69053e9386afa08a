"""Approvals and cancellations: what is written, and what is refused before it is."""

from __future__ import annotations

import pytest

from ebbflow.cli.deciding import Said, approval, cancelling, waiting_node
from ebbflow.cli.problem import Problem
from tests.support.cli_runs import node, run_of

YES = Said("Approve")
EARLIER = {"node": "0", "user": "ada", "decision": "Approve"}


def test_the_only_node_that_waits_for_people_is_found() -> None:
    run = run_of(node("0", "Waiting", "Condition"), node("1.2", "Waiting", "Approval"))
    assert waiting_node(run) == "1.2"


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
        waiting_node(run_of(*nodes))
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
