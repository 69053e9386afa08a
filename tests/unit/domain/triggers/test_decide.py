"""The one decision: the order of the rules, what each says, and the values of a run."""

from __future__ import annotations

import pytest

from ebbflow.domain.triggers.change import Change, Commit, Move, PullMove, RefMove
from ebbflow.domain.triggers.decide import decide
from ebbflow.domain.triggers.values import no_values, values_of
from ebbflow.domain.triggers.verdict import Fire
from tests.support.triggers import MAIN, A, B, C, pull, spec

PUSHED = RefMove(MAIN, A, B)
FLAGS = {"ignoreFlags": {"enabled": True}}
DOCS = {"paths": {"patterns": ["docs/"]}}
HEAD, EARLIER = Commit(B, "Fix it", "Ann"), Commit(C, "Try [skip ci]", "Bob")


@pytest.mark.parametrize(
    ("fields", "change", "reason", "says"),
    [
        pytest.param({}, Change(PUSHED), "RulesMet", "", id="no rules"),
        pytest.param({}, Change(RefMove(MAIN, A, None)), "RefDeleted", MAIN, id="deleted"),
        pytest.param(
            {"paused": True}, Change(RefMove(MAIN, A, None)), "RefDeleted", "", id="deleted first"
        ),
        pytest.param(
            {"branches": []}, Change(PUSHED), "BranchNotMatched", "is empty", id="no branches"
        ),
        pytest.param(
            {"branches": ["dev"]}, Change(PUSHED), "BranchNotMatched", MAIN, id="another branch"
        ),
        pytest.param({"paused": True}, Change(PUSHED), "TriggerPaused", "spec.paused", id="paused"),
        pytest.param(
            {"paused": True, "pausedReason": "freeze"},
            Change(PUSHED),
            "TriggerPaused",
            "(freeze)",
            id="paused with a reason",
        ),
        pytest.param(
            FLAGS, Change(PUSHED, None, (HEAD, EARLIER)), "IgnoreFlag", C[:12], id="any commit"
        ),
        pytest.param({}, Change(PUSHED, None, (HEAD, EARLIER)), "RulesMet", "", id="flags off"),
        pytest.param(
            FLAGS | DOCS,
            Change(PUSHED, ("docs/a",), (EARLIER,)),
            "IgnoreFlag",
            "[skip ci]",
            id="a flag before paths",
        ),
        pytest.param(
            DOCS, Change(PUSHED, ("docs/a",)), "PathsNotMatched", "docs/a", id="only ignored files"
        ),
        pytest.param(
            {"paths": {"mode": "Allow", "patterns": ["src/"]}},
            Change(PUSHED, ()),
            "PathsNotMatched",
            "none",
            id="no file to allow",
        ),
        pytest.param(DOCS, Change(PUSHED, None), "RulesMet", "", id="files unknown"),
        pytest.param(
            DOCS, Change(RefMove(MAIN, None, B), None, (HEAD,)), "RulesMet", "", id="a new branch"
        ),
    ],
)
def test_a_push_fires_or_the_first_rule_against_it_says_why(
    fields: dict, change: Change, reason: str, says: str
):
    decision = decide(spec("Push", **fields), change)
    assert decision.reason == reason
    assert says in decision.message


@pytest.mark.parametrize(
    ("fields", "ref", "reason"),
    [
        pytest.param({}, "refs/tags/nightly", "RulesMet", id="any tag"),
        pytest.param({"tags": ["v*"]}, "refs/tags/v1", "RulesMet", id="one that matches"),
        pytest.param({"tags": ["v*"]}, "refs/tags/nightly", "TagNotMatched", id="another"),
        pytest.param({}, MAIN, "TagNotMatched", id="a branch"),
    ],
)
def test_a_tag_fires_by_its_name(fields: dict, ref: str, reason: str):
    assert decide(spec("Tag", **fields), Change(RefMove(ref, None, B))).reason == reason


def test_a_message_names_few_files_of_many():
    change = Change(PUSHED, tuple(f"docs/{n:04}" for n in range(5000)))
    decision = decide(spec(**DOCS), change)
    assert len(decision.message) < 200


@pytest.mark.parametrize(
    ("type_", "move", "expected"),
    [
        pytest.param(
            "Push",
            RefMove("refs/heads/release/1", A, B),
            {"branch": "release/1", "sha": B, "before": A, "tag": "", "message": "Fix it", "author": "Ann"},
            id="a push",
        ),
        pytest.param(
            "Tag",
            RefMove("refs/tags/v1", None, B),
            {"branch": "", "tag": "v1", "sha": B, "before": "", "message": "Fix it"},
            id="a tag",
        ),
        pytest.param(
            "PullRequest",
            PullMove(
                pull(7, B, labels=("a", "b"), author="eve", title="Try", head_repository="eve/shop"), A
            ),
            {
                "branch": "release/1",
                "baseBranch": "main",
                "sha": B,
                "pullRequestId": "7",
                "title": "Try",
                "labels": "a,b",
                "author": "eve",
                "headRepository": "eve/shop",
            },
            id="a pull request",
        ),
    ],
)  # fmt: skip
def test_the_values_are_those_of_the_change(type_: str, move: Move, expected: dict[str, str]):
    decision = decide(spec(type_, forks={"allow": True}), Change(move, None, (HEAD,)))
    assert isinstance(decision, Fire)
    assert decision.values == decision.values | expected
    assert decision.values["repoUrl"] == "https://git.acme.dev/shop"


NAMES = "sha before branch tag message author repoUrl pullRequestId baseBranch title labels headRepository"


@pytest.mark.parametrize(
    "move", [RefMove(MAIN, A, B), PullMove(pull(7, B), A)], ids=["a push", "a pull request"]
)
def test_triggers_that_share_a_ref_give_a_run_the_same_names(move: Move):
    type_ = "Push" if isinstance(move, RefMove) else "PullRequest"
    values = values_of(spec(type_), Change(move))
    assert values.keys() == no_values(spec()).keys() == set(NAMES.split())


def test_an_unknown_head_leaves_its_values_empty():
    decision = decide(spec(), Change(PUSHED))
    assert isinstance(decision, Fire)
    assert (decision.values["message"], decision.values["author"]) == ("", "")
