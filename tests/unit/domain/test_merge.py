"""Three-way merges: no edit is lost, and what cannot be decided is said."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.document import InvalidDocument, normalise, same
from ebbflow.domain.merge import ABSENT, MergeConflict, merge

Doc = dict[str, Any]


def steps(*nodes: Any) -> Doc:
    return {"spec": {"steps": [{"ref": n} if isinstance(n, str) else n for n in nodes]}}


def refs(document: Doc) -> list[str]:
    return [node["ref"] for node in document["spec"]["steps"]]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        pytest.param({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}, id="only-theirs-changed"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}, id="only-ours-changed"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 2.0}, {"a": 2}, id="both-made-the-same-change"),
        pytest.param(
            {"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, id="two-fields"
        ),
        pytest.param(
            {"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 1}, {"a": 2}, id="one-removed-one-set"
        ),
        pytest.param(
            {}, {"a": {"x": 1}}, {"a": {"y": 1}}, {"a": {"x": 1, "y": 1}}, id="both-added-an-object"
        ),
        pytest.param({"a": None}, {"a": None, "b": 1}, {}, {"b": 1}, id="null-is-not-absent"),
        pytest.param(
            {"a": [1]},
            {"a": [1, 2]},
            {"a": [1], "b": 1},
            {"a": [1, 2], "b": 1},
            id="list-of-one-side",
        ),
        pytest.param(
            {"a": [{"x": 1}, {"x": 2}]},
            {"a": [{"x": 3}, {"x": 2}]},
            {"a": [{"x": 1}, {"x": 4}]},
            {"a": [{"x": 3}, {"x": 4}]},
            id="objects-without-names-that-kept-their-places",
        ),
    ],
)
def test_edits_that_do_not_touch_each_other_are_both_taken(
    base: Doc, ours: Doc, theirs: Doc, merged: Doc
) -> None:
    result = merge(base, ours, theirs)
    assert result.conflicts == ()
    assert same(result.document, merged)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "order"),
    [
        pytest.param("ab", "axb", "aby", "axby", id="each-added-one"),
        pytest.param("ab", "ayb", "axb", "axyb", id="both-added-in-one-place"),
        pytest.param("abc", "cab", "abxc", "cabx", id="one-reordered-one-added"),
        pytest.param("abc", "ac", "abcd", "acd", id="one-removed-one-added"),
        pytest.param("abc", "bac", "bac", "bac", id="both-reordered-alike"),
        pytest.param("", "ab", "c", "abc", id="both-filled-an-empty-list"),
    ],
)
def test_lists_of_nodes_merge_by_ref_and_keep_a_sensible_order(
    base: str, ours: str, theirs: str, order: str
) -> None:
    for one, other in ((ours, theirs), (theirs, ours)):
        result = merge(steps(*base), steps(*one), steps(*other))
        assert result.conflicts == ()
        assert "".join(refs(result.document)) == order


def test_a_node_edited_on_one_side_and_moved_on_the_other_is_both() -> None:
    result = merge(
        steps({"ref": "a", "x": 1}, "b"),
        steps("b", {"ref": "a", "x": 1}),
        steps({"ref": "a", "x": 2}, "b"),
    )
    assert result.document == steps("b", {"ref": "a", "x": 2})
    assert result.conflicts == ()


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "conflict"),
    [
        pytest.param({"a": 1}, {"a": 2}, {"a": 3}, MergeConflict("a", 1, 2, 3), id="one-field"),
        pytest.param({"a": 1}, {}, {"a": 3}, MergeConflict("a", 1, ABSENT, 3), id="removed-and-changed"),
        pytest.param({}, {"a": 1}, {"a": True}, MergeConflict("a", ABSENT, 1, True), id="true-is-not-one"),
        pytest.param(
            {"a.b": [1]}, {"a.b": [2]}, {"a.b": [3]}, MergeConflict('["a.b"]', [1], [2], [3]), id="plain-lists"
        ),
        pytest.param(
            steps({"ref": "a", "x": 1}),
            steps({"ref": "a", "x": 2}),
            steps({"ref": "a", "x": 3}),
            MergeConflict("spec.steps[ref=a].x", 1, 2, 3),
            id="a-field-of-a-node",
        ),
        pytest.param(
            {"l": [{"x": 1}, {"x": 2}]},
            {"l": [{"x": 2}, {"x": 1}]},
            {"l": [{"x": 1, "y": 1}, {"x": 2}]},
            MergeConflict("l", [{"x": 1}, {"x": 2}], [{"x": 2}, {"x": 1}], [{"x": 1, "y": 1}, {"x": 2}]),
            id="objects-without-names-that-moved",
        ),
        pytest.param(
            steps(*"abc"),
            steps(*"bac"),
            steps(*"acb"),
            MergeConflict("spec.steps", *(steps(*o)["spec"]["steps"] for o in ("abc", "bac", "acb"))),
            id="two-orders",
        ),
    ],
)  # fmt: skip
def test_what_both_sides_changed_is_a_conflict_with_all_three_values(
    base: Doc, ours: Doc, theirs: Doc, conflict: MergeConflict
) -> None:
    assert merge(base, ours, theirs).conflicts == (conflict,)
    assert same(merge(base, ours, theirs).document, base)
    assert same(merge(base, ours, theirs, prefer="ours").document, ours)
    assert same(merge(base, ours, theirs, prefer="theirs").document, theirs)


def test_the_preferred_side_only_decides_what_is_in_conflict() -> None:
    base, ours, theirs = (
        {"a": 1, "b": 1, "c": 1},
        {"a": 2, "b": 2, "c": 1},
        {"a": 3, "b": 1, "c": 3},
    )
    assert merge(base, ours, theirs, prefer="ours").document == {"a": 2, "b": 2, "c": 3}
    assert merge(base, ours, theirs, prefer="theirs").document == {"a": 3, "b": 2, "c": 3}


def test_what_is_no_json_is_refused_with_its_path() -> None:
    with pytest.raises(InvalidDocument, match=r"^a\[0\]: JSON has no NaN"):
        merge({}, {"a": [float("nan")]}, {})


# Few names and values, so that edits meet.
scalars = st.sampled_from([None, True, False, 0, 1, 1.5, "", "x"])
nodes = st.fixed_dictionaries(
    {"ref": st.sampled_from("abcdef")},
    optional={"x": scalars, "y": scalars, "kind": st.sampled_from(["A", "B"])},
)
node_lists = st.lists(nodes, max_size=5, unique_by=lambda node: node["ref"])
values = st.recursive(
    scalars | node_lists,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqrs"), inner, max_size=3)
    ),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("pqrstu"), values, max_size=5)


@st.composite
def edited(draw: st.DrawFn, document: Doc) -> Doc:
    result = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 4))):
        _edit(draw, result)
    return result


def _edit(draw: st.DrawFn, place: Any) -> None:
    while True:
        inner = place if isinstance(place, list) else list(place.values())
        deeper = [value for value in inner if isinstance(value, dict | list) and value]
        if not deeper or draw(st.booleans()):
            break
        place = draw(st.sampled_from(deeper))
    if isinstance(place, dict):
        key = draw(st.sampled_from([*(k for k in place if k != "ref"), "p", "x"]))
        if key in place and draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(values)
        return
    match draw(st.sampled_from(["add", "remove", "move"])):
        case "add":
            place.insert(draw(st.integers(0, len(place))), draw(nodes))
        case "remove" if place:
            place.pop(draw(st.integers(0, len(place) - 1)))
        case _ if place:
            place.insert(draw(st.integers(0, len(place))), place.pop())


@st.composite
def histories(draw: st.DrawFn) -> tuple[Doc, Doc, Doc]:
    base = draw(documents)
    return base, draw(edited(base)), draw(edited(base))


@given(histories())
def test_an_unchanged_side_leaves_the_other_as_it_is(history: tuple[Doc, Doc, Doc]) -> None:
    base, ours, theirs = history
    assert merge(base, ours, base).document == normalise(ours)
    assert merge(base, base, theirs).document == normalise(theirs)
    assert merge(base, ours, ours).document == normalise(ours)
    assert not merge(base, ours, base).conflicts


@given(histories())
def test_without_conflicts_it_does_not_matter_which_side_is_ours(
    history: tuple[Doc, Doc, Doc],
) -> None:
    base, ours, theirs = history
    one, other = merge(base, ours, theirs), merge(base, theirs, ours)
    assert sorted(c.path for c in one.conflicts) == sorted(c.path for c in other.conflicts)
    if not one.conflicts:
        assert same(one.document, other.document)


@given(histories())
def test_merging_the_result_again_changes_nothing(history: tuple[Doc, Doc, Doc]) -> None:
    base, ours, theirs = history
    merged = merge(base, ours, theirs)
    if not merged.conflicts:
        for again in (merge(base, merged.document, theirs), merge(base, ours, merged.document)):
            assert same(again.document, merged.document)
            assert again.conflicts == ()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Every leaf by a path in which nodes go by their names, so that moves do not matter."""
    if isinstance(value, dict) and value:
        return {p: v for key in value for p, v in leaves(value[key], (*path, key)).items()}
    if isinstance(value, list) and value:
        named = all(isinstance(item, dict) and "ref" in item for item in value)
        unique = named and len({item["ref"] for item in value}) == len(value)
        if not unique:
            return {path: value}
        return {p: v for item in value for p, v in leaves(item, (*path, item["ref"])).items()}
    return {path: value}


@given(histories())
def test_no_edit_of_a_field_is_lost(history: tuple[Doc, Doc, Doc]) -> None:
    base, ours, theirs = (normalise(document) for document in history)
    merged = merge(base, ours, theirs)
    if merged.conflicts:
        return
    old, now = leaves(base), leaves(merged.document)
    for side in (leaves(ours), leaves(theirs)):
        for path, value in side.items():
            changed = path not in old or not same(old[path], value)
            if changed and not isinstance(value, dict | list):
                assert path in now, path
                assert same(now[path], value)
        for path, value in old.items():
            if path not in side and not isinstance(value, dict | list):
                assert path not in now
