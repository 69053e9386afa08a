"""Where a character of a string value stands in its file."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.document import read
from ebbflow.domain.document.inner import place_within

MARK = "§"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param('{"a": "x §"}', "a.json", id="json"),
        pytest.param('{"a": "\\n\\u00e9\\ud83d\\ude80\\\\\\"\\/ §"}', "a.json", id="json-escapes"),
        pytest.param("a: x §", "a.yaml", id="plain"),
        pytest.param("a: !!str x §", "a.yaml", id="tag"),
        pytest.param("a:   'it''s §'", "a.yaml", id="single-quotes"),
        pytest.param('a: "x\\t\\x41\\u00e9\\U0001F680\\e\\_ §"', "a.yaml", id="double-quotes"),
        pytest.param("a: one\n  two\n\n  three §", "a.yaml", id="plain-over-lines"),
        pytest.param("a: 'one\n  two\n\n\n  three §'", "a.yaml", id="single-quotes-over-lines"),
        pytest.param('a: "one\n  two   \n\n  three §"', "a.yaml", id="double-quotes-over-lines"),
        pytest.param('a: "one\\\n  two\n  three §"', "a.yaml", id="double-quotes-with-an-escaped-break"),
        pytest.param("a: |\n  one\n    two\n\n  three §\n", "a.yaml", id="literal"),
        pytest.param("a: |2-\n    one\n  two §", "a.yaml", id="literal-with-an-indentation"),
        pytest.param("a: !!str |+ # why\n  one\n\n  two §\n\n", "a.yaml", id="literal-with-tag-and-comment"),
        pytest.param("a: >\n  one\n  two\n\n  three\n    deeper\n  four §\n", "a.yaml", id="folded"),
        pytest.param("a: >-\n\n\n  one\n\n  two §", "a.yaml", id="folded-after-blank-lines"),
        pytest.param("a: |\r\n  one\r\n  two §\r\n", "a.yaml", id="crlf"),
        pytest.param("a: {b: [x, 'y §']}", "a.yaml", id="flow"),
    ],
)  # fmt: skip
def test_a_character_is_found_in_its_file(text: str, name: str) -> None:
    parsed = read(text.encode(), name)
    steps: tuple[str | int, ...] = ("a", "b", 1) if "{b:" in text else ("a",)
    value = parsed.value["a"] if len(steps) == 1 else parsed.value["a"]["b"][1]
    before = text[: text.index(MARK)].replace("\r\n", "\n")
    expected = (before.count("\n") + 1, len(before) - before.rfind("\n"), True)
    assert place_within(parsed, steps, value.index(MARK)) == expected


def test_a_key_is_found_too() -> None:
    parsed = read(b'spec:\n  "a\\t${x}": 1\n', "a.yaml")
    assert place_within(parsed, ("spec", "a\t${x}"), 2, key=True) == (2, 7, True)


def test_what_is_no_string_is_found_by_its_beginning() -> None:
    parsed = read(b"spec:\n  a: 12\n", "a.yaml")
    assert place_within(parsed, ("spec", "a"), 1) == (2, 6, False)
    assert place_within(parsed, ("spec", "none", 3), 0) == (2, 3, False)


words = st.text(st.sampled_from("ab '\"\\\n\té🚀:#-{}[]|>"), max_size=40)


@given(words, words, st.sampled_from(["'", '"', "|", ">", None]), st.integers(20, 100))
def test_every_place_is_that_character_or_the_beginning(
    before: str, after: str, style: str | None, width: int
) -> None:
    value = before + MARK + after
    text = yaml.safe_dump({"a": [value]}, default_style=style, allow_unicode=True, width=width)
    parsed = read(text.encode(), "a.yaml")
    (found,) = parsed.value["a"]
    line, column, exact = place_within(parsed, ("a", 0), found.index(MARK))
    if exact:
        assert text.split("\n")[line - 1][column - 1] == MARK
    if "\\\n" not in text:
        assert exact
