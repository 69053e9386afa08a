"""Which refs moved: the cases that people ask about; random histories are beside this."""

from __future__ import annotations

import json

import pytest

from ebbflow.api.gittrigger import MAX_HEADS, GitTriggerSpec, GitTriggerStatus
from ebbflow.domain.triggers.change import RefMove, is_no_commit
from ebbflow.domain.triggers.moves import Seen, follows, observe_refs
from tests.support.triggers import MAIN, A, B, C, spec

PUSH = spec()


def looked(spec: GitTriggerSpec = PUSH, **branches: str) -> Seen:
    """What is remembered after a first look at these branches."""
    return observe_refs(spec, Seen(), {f"refs/heads/{b}": sha for b, sha in branches.items()}).seen


def moved(seen: Seen, now: dict[str, str], spec: GitTriggerSpec = PUSH) -> list[tuple]:
    found = observe_refs(spec, seen, now).moves
    return [(move.ref, move.before, move.after) for move in found]


def test_what_is_found_at_first_starts_nothing():
    observed = observe_refs(PUSH, Seen(), {MAIN: A, "refs/heads/release/1": B})
    assert observed.moves == ()
    assert {h.ref: h.commit for h in (observed.seen.heads or {}).values()} == {
        MAIN: A,
        "refs/heads/release/1": B,
    }


def test_an_empty_repository_is_a_starting_point_too():
    assert moved(observe_refs(PUSH, Seen(), {}).seen, {MAIN: A}) == [(MAIN, None, A)]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param({MAIN: A}, [], id="where it was"),
        pytest.param({MAIN: B}, [(MAIN, A, B)], id="a push"),
        pytest.param({}, [(MAIN, A, None)], id="a deletion"),
        pytest.param({MAIN: "0" * 40}, [(MAIN, A, None)], id="forty zeros"),
        pytest.param({MAIN: "0" * 64}, [(MAIN, A, None)], id="sixty-four zeros"),
        pytest.param({MAIN: A, "refs/heads/dev": B}, [], id="a branch that nobody follows"),
        pytest.param({MAIN: A, "refs/tags/main": B}, [], id="a tag of the same name"),
        pytest.param(
            {MAIN: A, "refs/heads/refs/heads/main": B}, [], id="a branch with an odd name"
        ),
        pytest.param(
            {MAIN: A, "refs/heads/release/1": A},
            [("refs/heads/release/1", None, A)],
            id="a branch made later, at a commit that is known",
        ),
        pytest.param(
            {MAIN: B, "refs/heads/release/ü #'1": C},
            [(MAIN, A, B), ("refs/heads/release/ü #'1", None, C)],
            id="several at once, in order",
        ),
    ],
)
def test_a_difference_is_one_move(now: dict[str, str], expected: list[tuple]):
    assert moved(looked(main=A), now) == expected


def test_a_move_back_is_a_move_with_a_number_of_its_own():
    seen, numbers = looked(main=A), []
    for sha in (B, A, B):
        observed = observe_refs(PUSH, seen, {MAIN: sha})
        numbers += [
            (move.after, move.number) for move in observed.moves if isinstance(move, RefMove)
        ]
        seen = observed.seen
    assert len(set(numbers)) == 3


def test_a_branch_deleted_and_made_anew_counts_on():
    seen = looked(main=A)
    first = observe_refs(PUSH, seen, {MAIN: B})
    gone = observe_refs(PUSH, first.seen, {})
    again = observe_refs(PUSH, gone.seen, {MAIN: B})
    (one,), (other,) = first.moves, again.moves
    assert (one.after, one.number) != (other.after, other.number)


def test_branches_that_match_after_an_edit_are_a_starting_point():
    wider = spec(branches=["*"])
    seen = looked(main=A)
    now = {MAIN: B, "refs/heads/dev": C}
    assert moved(seen, now, wider) == [(MAIN, A, B)]
    after = observe_refs(wider, seen, now).seen
    assert moved(after, now | {"refs/heads/dev": A}, wider) == [("refs/heads/dev", C, A)]


def test_branches_that_match_no_more_are_forgotten_and_not_deleted():
    seen = looked(spec(branches=["*"]), main=A, dev=B)
    assert moved(seen, {MAIN: A, "refs/heads/dev": C}) == []
    assert set(observe_refs(PUSH, seen, {MAIN: A}).seen.heads or {}) == {MAIN}


def test_another_repository_is_a_starting_point_and_counts_on():
    other = spec(git={"repository": "https://git.acme.dev/other"})
    seen = observe_refs(PUSH, looked(main=A), {MAIN: B}).seen
    before = (seen.heads or {})[MAIN].moves
    there = observe_refs(other, seen, {MAIN: C})
    assert there.moves == ()
    (move,) = observe_refs(other, there.seen, {MAIN: B}).moves
    assert isinstance(move, RefMove)
    assert move.number > before


def test_more_refs_than_fit_are_counted_and_start_nothing_later():
    known = {MAIN: A}
    many = known | {f"refs/heads/release/{n:05}": B for n in range(MAX_HEADS + 5)}
    observed = observe_refs(PUSH, looked(main=A), many)
    assert (observed.left_out, len(observed.seen.heads or {})) == (6, MAX_HEADS)
    assert MAIN in (observed.seen.heads or {})
    fewer = {ref: sha for ref, sha in many.items() if ref < "refs/heads/release/01500"}
    after = observe_refs(PUSH, observed.seen, fewer | {"refs/heads/release/new": C})
    assert [move for move in after.moves if move.after is not None] == []
    assert after.left_out == 0


def test_a_full_memory_still_sees_moves_of_what_it_knows():
    many = {MAIN: A} | {f"refs/heads/release/{n:05}": B for n in range(MAX_HEADS + 5)}
    seen = observe_refs(PUSH, looked(main=A), many).seen
    assert moved(seen, many | {MAIN: C}) == [(MAIN, A, C)]


@pytest.mark.parametrize("name", ["x" * 20, "x" * 900, "ü" * 900], ids=["short", "long", "wide"])
def test_a_full_memory_fits_into_an_object(name: str):
    many = {f"refs/heads/{name}{n:05}": "a" * 64 for n in range(MAX_HEADS + 100)}
    observed = observe_refs(spec(branches=["*"]), Seen(forgotten=10**6), many)
    stored = GitTriggerStatus.model_validate(observed.seen.fields())
    text = json.dumps({"heads": [head.dump() for head in stored.heads or ()]}, ensure_ascii=False)
    assert len(text.encode()) < 650_000
    assert observed.left_out == len(many) - len(stored.heads or ())


def test_a_ref_with_a_name_too_long_for_a_status_is_left_out():
    long = f"refs/heads/release/{'x' * 1024}"
    observed = observe_refs(PUSH, looked(main=A), {MAIN: A, long: B})
    assert (observed.moves, observed.left_out) == ((), 1)


@pytest.mark.parametrize(
    ("type_", "fields", "ref", "expected"),
    [
        pytest.param("Push", {}, MAIN, True, id="a branch"),
        pytest.param("Push", {"branches": []}, MAIN, False, id="no branches"),
        pytest.param("Push", {"branches": ["*"]}, "refs/tags/v1", False, id="a tag to a push"),
        pytest.param("Push", {"branches": ["*"]}, "refs/pull/1/head", False, id="a pull request"),
        pytest.param("Tag", {}, "refs/tags/any/thing", True, id="any tag"),
        pytest.param("Tag", {"tags": ["v*"]}, "refs/tags/v1/rc", True, id="a tag that matches"),
        pytest.param("Tag", {"tags": ["v*"]}, "refs/tags/nightly", False, id="another tag"),
        pytest.param("Tag", {}, MAIN, False, id="a branch to a tag"),
        pytest.param("PullRequest", {}, MAIN, False, id="a branch to a pull request"),
    ],
)
def test_a_trigger_follows(type_: str, fields: dict, ref: str, expected: bool):
    assert follows(spec(type_, **fields), ref) is expected


@pytest.mark.parametrize(
    ("sha", "expected"),
    [(None, True), ("", True), ("0" * 40, True), ("0" * 64, True), (A, False), ("0" * 39 + "1", False)],
    ids=["none", "empty", "40 zeros", "64 zeros", "a commit", "nearly zeros"],
)  # fmt: skip
def test_zeros_are_no_commit(sha: str | None, expected: bool):
    assert is_no_commit(sha) is expected
