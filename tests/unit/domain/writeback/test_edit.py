"""Single cases of write-back: what it refuses, what it leaves alone, and new files."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ebbflow.domain.document import InvalidDocument, read, same
from ebbflow.domain.writeback import CannotEdit, create, edit


def changed(text: str, wanted: dict[str, Any], path: str = "a.yaml") -> str:
    return edit(text.encode(), path, wanted).decode()


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        pytest.param(
            "a: {b: 1, # why\n  c: 2}\n", {"a": {"b": 1}},
            "a cannot be edited in the file: comments or question marks stand between", id="comment-in-flow",
        ),
        pytest.param(
            "a:\n- - v # why\n  - w\n", {"a": [["w"]]},
            "a[0] cannot be edited in the file: a comment stands within a list", id="comment-in-a-list-in-a-list",
        ),
        pytest.param(
            "? a\n: 1\nb: 2\n", {"b": 2}, "a cannot be edited in the file: a key is marked with a question mark", id="question-mark",
        ),
        pytest.param("a: [b: 1]\n", {"a": [{"b": 1, "c": 2}]}, "a[0] cannot be edited in the file: it has no brackets", id="pair-without-brackets"),
        pytest.param("a: !!seq\n- 1\n", {"a": [2]}, "a cannot be edited in the file: it has an explicit tag", id="tagged-list"),
        pytest.param("a: 1\n", {"b": 1}, "the document cannot be edited in the file: nothing of the file would be left", id="nothing-left"),
        pytest.param("a: x\n", {"a": "x\0"}, "the document cannot be edited in the file: the edited text would not be valid", id="nul"),
        pytest.param("a: x\n", {"a": "x" * 600_000}, "the document cannot be edited in the file: the edited text would not be valid", id="too-large"),
    ],
)  # fmt: skip
def test_what_cannot_be_edited_is_refused_with_its_field_and_the_reason(
    text: str, wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(CannotEdit) as caught:
        changed(text, wanted)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("path", ["a.yaml", "a.json"])
def test_half_of_a_surrogate_pair_is_refused(path: str) -> None:
    with pytest.raises(CannotEdit):
        edit(b'{"a": 1}', path, {"a": "\ud800"})
    with pytest.raises((CannotEdit, InvalidDocument)):
        create({"a": "\ud800"}, path)


def test_a_file_that_cannot_be_read_is_no_matter_of_editing() -> None:
    with pytest.raises(InvalidDocument):
        changed("a: [\n", {"a": 1})


def test_numbers_that_only_look_different_are_no_edit() -> None:
    data = b"a: 1.0\nb: 0755\nc: 1e3\nd: yes\ne: -0.0\n"
    assert edit(data, "a.yaml", json.loads('{"a":1,"b":493,"c":1000,"d":true,"e":0}')) is data


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        pytest.param("a: 1 # c\n", 100, "a: 100 # c\n", id="one-blank-stays-one-blank"),
        pytest.param("a: 100 # c\n", 1, "a: 1 # c\n", id="one-blank-and-shorter"),
        pytest.param("a: 1     # c\n", 100, "a: 100   # c\n", id="a-column-is-kept"),
        pytest.param("a: 1\t# c\n", 100, "a: 100\t# c\n", id="tabs-are-left-alone"),
        pytest.param("a: # c\n", 5, "a: 5 # c\n", id="null-with-a-comment"),
        pytest.param("a:      # c\n", 5, "a: 5    # c\n", id="null-with-a-comment-in-a-column"),
        pytest.param("a:   x\n", "w", "a:   w\n", id="blanks-before-the-value"),
        pytest.param("a: 'x'\n", "it's", "a: 'it''s'\n", id="single-quotes-stay"),
        pytest.param("a: 'x'\n", "\t\n", 'a: "\\t\\n"\n', id="single-quotes-that-cannot-hold-it"),
        pytest.param('a: "x"\n', "yes", 'a: "yes"\n', id="double-quotes-stay"),
        pytest.param("a: x\n", "yes", 'a: "yes"\n', id="quotes-where-they-are-needed"),
        pytest.param('a: "5"\n', 5, "a: 5\n", id="a-string-becomes-a-number"),
        pytest.param("a: 5\n", "5", 'a: "5"\n', id="a-number-becomes-a-string"),
        pytest.param("a: x\n", None, "a: null\n", id="a-value-becomes-null"),
        pytest.param("a: x\n", "one\ntwo\n", "a: |\n  one\n  two\n", id="several-lines"),
        pytest.param("a: x # c\n", "one\ntwo", "a: |- # c\n  one\n  two\n", id="several-lines-before-a-comment"),
        pytest.param("a:\n  x\n", "w", "a:\n  w\n", id="value-on-the-next-line"),
        pytest.param("a: []\n", {"b": []}, "a:\n  b: []\n", id="empty-list-becomes-an-object"),
        pytest.param("a: {b: 1}\n", {"c": [1]}, "a: {c: [1]}\n", id="flow-stays-flow"),
        pytest.param("a:\n- 1\n- 2\n", "x", "a: x\n", id="list-becomes-a-scalar"),
        pytest.param("a:\n  b: 1\n", [{"c": 1, "d": [2]}], "a:\n  - c: 1\n    d:\n      - 2\n", id="object-becomes-a-list"),
    ],
)  # fmt: skip
def test_a_value_keeps_its_place_its_quotes_and_its_comment(
    before: str, wanted: Any, after: str
) -> None:
    assert changed(before + "z: 0\n", {"a": wanted, "z": 0}) == after + "z: 0\n"


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        pytest.param("- a # 1\n- b # 2\n- c # 3\n", list("ca"), "- c # 3\n- a # 1\n", id="moved-and-removed"),
        pytest.param("- a # 1\n- b # 2\n", list("axb"), "- a # 1\n- x\n- b # 2\n", id="inserted"),
        pytest.param("- a # 1\n- b # 2\n", list("xab"), "- x\n- a # 1\n- b # 2\n", id="put-first"),
        pytest.param("- a # 1\n- b # 2\n", list("xb"), "- x # 1\n- b # 2\n", id="changed-in-place"),
        pytest.param("- a # 1\n- a # 2\n", list("a"), "- a # 1\n", id="one-of-two-equal-ones-removed"),
        pytest.param("# 1\n- a\n# 2\n- b\n# 3\n", list("ba"), "# 2\n- b\n# 1\n- a\n# 3\n", id="comments-above"),
        pytest.param("- {n: 1}\n-\n  n: 2\n", [{"n": 1}, {"n": 2, "m": 3}], "- {n: 1}\n-\n  n: 2\n  m: 3\n", id="dash-on-its-own"),
        pytest.param("- - a\n  - b\n- c\n", [["a", "b", "x"], "c"], "- - a\n  - b\n  - x\n- c\n", id="list-in-a-list"),
        pytest.param("- k: 1 # c\n  l: 2\n", [{"l": 2}], "- l: 2\n", id="first-key-of-an-item-removed"),
        pytest.param("- k: 1\n  # c\n  l: 2\n", [{"l": 2}], "-\n  # c\n  l: 2\n", id="first-key-removed-before-a-comment"),
    ],
)  # fmt: skip
def test_items_of_a_list_take_their_comments_with_them(
    before: str, wanted: list[Any], after: str
) -> None:
    assert changed(f"a:\n{before}z: 0\n", {"a": wanted, "z": 0}) == f"a:\n{after}z: 0\n"


def test_new_yaml_has_its_keys_in_order_and_quotes_where_they_are_needed() -> None:
    document = {
        "spec": {"spec": {"steps": [{"spec": {"b": 1, "a": []}, "ref": "x", "kind": "Job"}], "type": "sequential"}, "kind": "Workflow"},
        "arguments": {"B": "0755", "A": "yes", "C": "one\ntwo\n", "D": None},
        "name": "shop",
        "apiVersion": "v1.2",
    }  # fmt: skip
    assert create(document, "shop.yaml").decode() == (
        'apiVersion: v1.2\nname: shop\narguments:\n  B: "0755"\n  A: "yes"\n  C: |\n    one\n    two\n  D: null\n'
        "spec:\n  kind: Workflow\n  spec:\n    type: sequential\n    steps:\n      - kind: Job\n        ref: x\n"
        "        spec:\n          b: 1\n          a: []\n"
    )


def test_new_json_has_two_blanks_and_its_keys_in_order() -> None:
    text = create({"name": "é", "apiVersion": "v1.2", "arguments": {}}, "shop").decode()
    assert text == '{\n  "apiVersion": "v1.2",\n  "name": "é",\n  "arguments": {}\n}\n'


def test_large_edits_do_not_cost_the_square_of_their_size() -> None:
    """Four thousand new fields, items and lines: seconds would mean a quadratic step."""
    many = [f"k{number}" for number in range(4_000)]
    wanted = {"a": dict.fromkeys(many, 1), "l": many, "s": "\n".join(many), "z": 0}
    for path, data in (
        ("a.yaml", b"a: {}\nl:\n- k0\ns: |\n  x\nz: 0\n"),
        ("a.json", b'{"a":{"k0":1},"l":[],"s":"","z":0}'),
    ):
        start = time.process_time()
        assert same(read(edit(data, path, wanted), path).value, wanted)
        assert time.process_time() - start < 5


def test_the_comment_at_the_head_of_a_file_stays_when_its_first_key_goes() -> None:
    assert changed("# The file\nname: x\na: 1\n", {"a": 1}) == "# The file\na: 1\n"
