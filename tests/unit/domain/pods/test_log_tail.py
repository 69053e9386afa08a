"""The end of a log: readable whatever was written, bounded however long it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.pods.log_tail import SAID, TAIL_BYTES, in_one_line, last_lines, readable

GONE = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param(b"one\ntwo\n", "one\ntwo\n", id="plain"),
        pytest.param("höher ✓\n".encode(), "höher ✓\n", id="unicode"),
        pytest.param(b"\x1b[1;31mred\x1b[0m\n", "red\n", id="colours"),
        pytest.param(b"\x1b]0;title\x07text", "text", id="title-of-the-terminal"),
        pytest.param(b"10%\r50%\r100%\r\n", "10%\n50%\n100%\n", id="progress-bar"),
        pytest.param(b"a\x00\x01\xff\xfeb", f"a{GONE}b", id="binary"),
        pytest.param(b"a\tb", "a    b", id="tab"),
        pytest.param("safe \u202egnp.exe".encode(), f"safe {GONE}gnp.exe", id="text-turned-around"),
    ],
)
def test_what_cannot_be_shown_is_not_shown(written: bytes, shown: str) -> None:
    assert readable(written) == shown


@given(st.binary(max_size=2000))
def test_any_bytes_become_printable_lines(written: bytes) -> None:
    assert all(c.isprintable() or c == "\n" for c in readable(written))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=3000), st.integers(16, 300))
def test_the_tail_ends_as_the_text_does_and_fits(text: str, most: int) -> None:
    shown = readable(text.encode())
    tail = last_lines(shown, lines=10, most=most)
    assert len(json.dumps(tail, ensure_ascii=False).encode()) <= most
    assert shown.strip("\n").endswith(tail.removeprefix("…"))
    assert tail.count("\n") < 10


def test_only_the_last_lines_are_kept() -> None:
    text = "".join(f"line {number}\n" for number in range(1000))
    tail = last_lines(text)
    assert tail.startswith("line 900\n")
    assert tail.endswith("line 999")


def test_of_a_line_that_is_too_long_the_end_is_kept() -> None:
    tail = last_lines("x" * 10_000 + "end")
    assert tail.startswith("…x")
    assert tail.endswith("xend")
    assert len(json.dumps(tail, ensure_ascii=False).encode()) == TAIL_BYTES


def test_in_a_message_a_log_is_one_line() -> None:
    assert in_one_line("a  b\n\n c\n") == "a b | c"
    assert in_one_line("x" * 1000) == "…" + "x" * (SAID - 1)
