"""Random files, random edits: the result is what was wanted, and nothing else was touched."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ebbflow.domain.document import InvalidDocument, read, same
from ebbflow.domain.document.parsed import ParsedDocument
from ebbflow.domain.writeback import CannotEdit, create, edit
from tests.unit.domain.writeback.random_yaml import Writer, document, edited
from tests.unit.domain.writeback.touched import untouchable_lines

randoms = st.randoms(use_true_random=True)  # a failure prints the seed


def written_yaml(random: Random, value: dict[str, Any]) -> bytes:
    return Writer(random).write(value)


def written_json(random: Random, value: dict[str, Any]) -> bytes:
    indent = random.choice((None, 2, 2, 4, "\t"))
    separators = random.choice((None, (",", ":"))) if indent is None else None
    text = json.dumps(
        value, indent=indent, separators=separators, ensure_ascii=random.random() < 0.3
    )
    text = text.replace("\n", random.choice(("\n", "\r\n"))) + random.choice(("", "\n"))
    return (b"\xef\xbb\xbf" if random.random() < 0.1 else b"") + text.encode()


def read_as_written(data: bytes, path: str, value: dict[str, Any]) -> ParsedDocument:
    """The writer is no YAML library: where it slipped, the example is left out."""
    try:
        parsed = read(data, path)
    except InvalidDocument:
        parsed = None
    assume(parsed is not None and same(parsed.value, value))
    return parsed


def edited_in_place(data: bytes, path: str, wanted: dict[str, Any]) -> bytes:
    """A comment in the wrong place is a refusal that is meant; all others are defects."""
    try:
        result = edit(data, path, wanted)
    except CannotEdit as refusal:
        if "a comment stands within" not in refusal.reason:
            raise
        result = b""
    assume(result)
    return result


WRITERS = [
    pytest.param("a.yaml", written_yaml, id="yaml"),
    pytest.param("a.json", written_json, id="json"),
]


@pytest.mark.parametrize(("path", "write"), WRITERS)
@given(random=randoms)
def test_the_edited_file_is_read_as_the_wanted_document(
    path: str, write: Any, random: Random
) -> None:
    before = document(random)
    data = write(random, before)
    read_as_written(data, path, before)
    wanted = edited(random, before)
    assert same(read(edited_in_place(data, path, wanted), path).value, wanted)


@pytest.mark.parametrize(("path", "write"), WRITERS)
@given(random=randoms)
def test_every_line_without_a_changed_value_stays_as_it_is_and_in_its_place(
    path: str, write: Any, random: Random
) -> None:
    before = document(random)
    data = write(random, before)
    parsed = read_as_written(data, path, before)
    assume("\u2028" not in parsed.source.text)
    wanted = edited(random, before)
    result = edited_in_place(data, path, wanted).decode("utf-8-sig").splitlines(keepends=True)
    at = 0
    for line in untouchable_lines(parsed, wanted):
        found = [
            i for i in range(at, len(result)) if result[i].rstrip("\r\n") == line.rstrip("\r\n")
        ]
        assert found, f"{line!r} is gone"
        assert line == result[found[0]] or not line.endswith("\n"), "a line break changed"
        at = found[0] + 1


@pytest.mark.parametrize(("path", "write"), WRITERS)
@given(random=randoms)
def test_an_edit_and_its_reverse_leave_the_values_as_they_were(
    path: str, write: Any, random: Random
) -> None:
    before = document(random)
    data = write(random, before)
    read_as_written(data, path, before)
    there = edited_in_place(data, path, edited(random, before))
    assert same(read(edited_in_place(there, path, before), path).value, before)


@pytest.mark.parametrize(("path", "write"), WRITERS)
@given(random=randoms)
def test_nothing_to_change_gives_back_the_very_bytes(path: str, write: Any, random: Random) -> None:
    before = document(random)
    data = write(random, before)
    read_as_written(data, path, before)
    assert edit(data, path, json.loads(json.dumps(before))) is data


@pytest.mark.parametrize("path", ["a.yaml", "a.json", "a"])
@given(random=randoms)
def test_a_new_file_is_read_as_its_document(path: str, random: Random) -> None:
    value = document(random)
    data = create(value, path)
    assert data.endswith(b"\n")
    assert same(read(data, path).value, value)
