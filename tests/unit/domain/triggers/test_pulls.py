"""Pull requests: when one moves, and what holds it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.gittrigger import GitTriggerSpec
from ebbflow.domain.triggers.change import Change, Commit, PullMove, PullRequest
from ebbflow.domain.triggers.decide import decide
from ebbflow.domain.triggers.moves import Seen, observe_pulls
from ebbflow.domain.triggers.pulls import approved_commits
from tests.support.triggers import A, B, C, pull, spec

PULLS = spec("PullRequest")


class Trigger:
    """One trigger that sees listings of pull requests one after another."""

    def __init__(self, spec: GitTriggerSpec = PULLS) -> None:
        self.spec = spec
        self.seen = Seen()
        self.names: set[tuple[str, str, int]] = set()

    def sees(self, *pulls: PullRequest, approved: tuple[str, ...] = ()) -> list[str]:
        """The reasons of the verdicts on what moved."""
        observed = observe_pulls(self.spec, self.seen, pulls, approved)
        self.seen = observed.seen
        names = {
            (m.ref, m.after or "", m.number) for m in observed.moves if isinstance(m, PullMove)
        }
        assert len(names) == len(observed.moves)
        assert not names & self.names
        self.names |= names
        return [decide(self.spec, Change(m), approved).reason.value for m in observed.moves]


def test_those_that_are_open_at_first_start_nothing():
    assert Trigger().sees(pull(1), pull(2, B)) == []


def test_one_that_is_opened_fires_and_each_commit_after_it():
    trigger = Trigger()
    trigger.sees()
    assert trigger.sees(pull(sha=A)) == ["RulesMet"]
    assert trigger.sees(pull(sha=A)) == []
    assert trigger.sees(pull(sha=B)) == ["RulesMet"]
    assert trigger.sees(pull(sha=A)) == ["RulesMet"]  # forced back: a move like any other


def test_one_that_is_closed_starts_nothing_and_fires_when_it_is_opened_again():
    trigger = Trigger()
    trigger.sees(pull())
    assert trigger.sees() == []
    assert trigger.sees(pull()) == ["RulesMet"]


@pytest.mark.parametrize(
    ("fields", "before", "after"),
    [
        pytest.param({"ignoreDrafts": True}, {"draft": True}, {"draft": False}, id="draft"),
        pytest.param(
            {"baseBranches": ["main"]}, {"base_branch": "dev"}, {"base_branch": "main"}, id="base"
        ),
    ],
)
def test_what_is_held_fires_once_when_it_is_let_go(fields: dict, before: dict, after: dict):
    trigger = Trigger(spec("PullRequest", **fields))
    trigger.sees()
    assert trigger.sees(pull(**before)) not in ([], ["RulesMet"])
    assert trigger.sees(pull(**before)) == []
    assert trigger.sees(pull(**after)) == ["RulesMet"]
    assert trigger.sees(pull(**before)) == []
    assert trigger.sees(pull(**after)) == []  # the same commit starts no second run


def test_one_that_was_held_at_first_fires_when_it_is_let_go():
    trigger = Trigger(spec("PullRequest", ignoreDrafts=True))
    assert trigger.sees(pull(draft=True)) == []
    assert trigger.sees(pull(draft=False)) == ["RulesMet"]


def test_drafts_fire_like_others_if_nobody_says_otherwise():
    trigger = Trigger()
    trigger.sees()
    assert trigger.sees(pull(draft=True)) == ["RulesMet"]


def test_a_label_fires_when_it_comes_and_at_each_commit_while_it_is_there():
    trigger = Trigger(spec("PullRequestLabel", labels=["preview", "env: *"]))
    trigger.sees()
    assert trigger.sees(pull()) == ["LabelNotMatched"]
    assert trigger.sees(pull(labels=("bug", "env: eu/1"))) == ["RulesMet"]
    assert trigger.sees(pull(sha=B, labels=("env: eu/1",))) == ["RulesMet"]
    assert trigger.sees(pull(sha=C, labels=("Preview",))) == ["LabelNotMatched"]


def test_without_labels_a_label_trigger_fires_at_nothing():
    trigger = Trigger(spec("PullRequestLabel"))
    trigger.sees()
    assert trigger.sees(pull(labels=("preview",))) == ["LabelNotMatched"]


def test_a_fork_fires_after_approval_of_that_very_commit():
    trigger = Trigger()
    trigger.sees()
    assert trigger.sees(pull(sha=A, fork=True)) == ["ForkNotApproved"]
    assert trigger.sees(pull(sha=A, fork=True), approved=(B,)) == []
    assert trigger.sees(pull(sha=A, fork=True), approved=(A,)) == ["RulesMet"]
    assert trigger.sees(pull(sha=B, fork=True), approved=(A,)) == ["ForkNotApproved"]
    assert trigger.sees(pull(sha=A, fork=True)) == ["ForkNotApproved"]  # taken back meanwhile


def test_forks_fire_like_others_where_they_are_allowed():
    trigger = Trigger(spec("PullRequest", forks={"allow": True}))
    trigger.sees()
    assert trigger.sees(pull(fork=True)) == ["RulesMet"]


def test_the_refusal_of_a_fork_says_how_to_approve_it():
    move = PullMove(pull(sha=A, fork=True, head_repository="eve/shop"), None)
    refusal = decide(PULLS, Change(move))
    assert "eve/shop" in refusal.message
    assert f"ebbflow.dev/approve-fork={A}" in refusal.message


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, set(), id="none"),
        pytest.param({"ebbflow.dev/approve-fork": ""}, set(), id="empty"),
        pytest.param({"ebbflow.dev/approve-fork": A}, {A}, id="one"),
        pytest.param({"ebbflow.dev/approve-fork": f" {A.upper()}, {B},"}, {A, B}, id="several"),
        pytest.param({"ebbflow.dev/approve-fork": A[:12]}, {A[:12]}, id="too short to be one"),
    ],
)
def test_approvals_are_whole_commits_with_commas_between(annotations: dict, expected: set):
    assert approved_commits(annotations) == expected
    allowed = observe_pulls(PULLS, Seen(), [pull(sha=A, fork=True)], approved_commits(annotations))
    assert (allowed.seen.heads or {})["pull/12"].held is (A not in expected)


@pytest.mark.parametrize(
    ("type_", "branches", "head", "followed"),
    [
        pytest.param("PullRequest", ["release/*"], "release/1", True, id="the head matches"),
        pytest.param("PullRequest", ["main"], "release/1", False, id="only the base matches"),
        pytest.param("PullRequest", [], "release/1", False, id="no branches"),
        pytest.param("PullRequestLabel", [], "any/thing", True, id="any branch of a label"),
        pytest.param("PullRequestLabel", ["x"], "any/thing", False, id="another branch of a label"),
        pytest.param("Push", ["*"], "release/1", False, id="a push"),
    ],
)
def test_branches_are_those_of_the_head(type_: str, branches: list, head: str, followed: bool):
    trigger = Trigger(spec(type_, branches=branches, **({"labels": ["l"]} if "L" in type_ else {})))
    trigger.sees()
    verdicts = trigger.sees(pull(head_branch=head, labels=("l",)))
    assert verdicts == (["RulesMet"] if followed else [])


def test_an_edit_of_what_holds_them_starts_nothing_by_itself():
    trigger = Trigger(spec("PullRequest", ignoreDrafts=True))
    trigger.sees(pull(draft=True))
    trigger.spec = spec("PullRequest")
    assert trigger.sees(pull(draft=True)) == []
    assert trigger.sees(pull(sha=B, draft=True)) == ["RulesMet"]


_PULLS = st.builds(
    pull,
    st.integers(1, 2),
    st.sampled_from([A, B]),
    draft=st.booleans(),
    fork=st.booleans(),
)
_LOOKS = st.lists(
    st.tuples(
        st.lists(_PULLS, max_size=2, unique_by=lambda one: one.id),
        st.sampled_from([(), (A,), (B,)]),
    ),
    max_size=12,
)


@given(_LOOKS)
def test_each_commit_of_a_pull_request_fires_once_when_nothing_holds_it(
    looks: list[tuple[list[PullRequest], tuple[str, ...]]],
):
    trigger = Trigger(spec("PullRequest", ignoreDrafts=True))
    waits: dict[int, tuple[str, bool]] | None = None  # by number: its commit, whether it waits
    for pulls, approved in looks:
        expected = []
        after = {}
        for one in sorted(pulls, key=lambda one: one.id):
            reason = "Draft" if one.draft else "RulesMet"
            if not one.draft and one.fork and one.head_sha not in approved:
                reason = "ForkNotApproved"
            sha, waiting = (waits or {}).get(one.id, ("", True))
            let_go = waiting and reason == "RulesMet"
            if waits is not None and (sha != one.head_sha or let_go):
                expected.append(reason)
            fired = sha == one.head_sha and not waiting
            after[one.id] = (one.head_sha, reason != "RulesMet" and not fired)
        waits = after
        assert trigger.sees(*pulls, approved=approved) == expected


def test_only_the_head_of_a_pull_request_is_looked_at_for_flags():
    flags = spec("PullRequest", ignoreFlags={"enabled": True})
    move = PullMove(pull(sha=A), None)
    earlier, head = Commit(B, "[skip ci]"), Commit(A, "Fix")
    assert decide(flags, Change(move, commits=(head, earlier))).reason == "RulesMet"
    flagged = Change(move, commits=(Commit(A, "x [ci skip]"), earlier))
    assert decide(flags, flagged).reason == "IgnoreFlag"
    assert decide(flags, Change(move)).reason == "RulesMet"
