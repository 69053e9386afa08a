"""Where a character of a string value stands in the file.

A string in a file has quotes, escapes, folds and indentation around its characters. The map from
the value back to the text is made by reading the scalar again, line by line; where that does not
give the value (an escape that spans lines, say), the beginning of the scalar is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ebbflow.domain.document.parsed import ParsedDocument
from ebbflow.domain.document.path import Step
from ebbflow.domain.document.syntax import Scalar, node_at

_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)"
)
_BREAK = re.compile(r"\r\n|\n|\r")
_FOLDS = " \n"  # what a line break of the file can be in the value


class InnerPlace(NamedTuple):
    """A place in the file, both from 1. `exact`: it is the character itself, not its scalar."""

    line: int
    column: int
    exact: bool


def place_within(
    parsed: ParsedDocument, steps: tuple[Step, ...], offset: int, *, key: bool = False
) -> InnerPlace:
    """Return where the character at `offset` of a string value stands in its file.

    Exact for JSON and for every YAML style; else the beginning of the value. `key`: the string is
    the last step itself. Steps that lead nowhere give the last value on the way.
    """
    node = node_at(parsed.root, steps, key=key)
    at = None
    if isinstance(node, Scalar) and isinstance(node.value, str):
        at = _offset_within(parsed.source.text, node, offset)
    line, column = parsed.source.position(node.start if at is None else at)
    return InnerPlace(line, column, at is not None)


def _offset_within(text: str, node: Scalar, offset: int) -> int | None:
    """Return the offset in the file of a character of the value."""
    start, end = _content(text, node)
    value = node.text
    done = 0  # characters of the value that are accounted for
    last = start
    for line in _lines(text, start, end, node.style):
        characters = "".join(character for character, _ in line)
        at = value.find(characters, done)
        if at < 0 or value[done:at].strip(_FOLDS):
            return None
        if offset < at:
            return last  # within the line break before
        if offset < at + len(line):
            return line[offset - at][1]
        done = at + len(line)
        last = line[-1][1] + 1 if line else last
    return last if not value[done:].strip(_FOLDS) and offset <= len(value) else None


def _content(text: str, node: Scalar) -> tuple[int, int]:
    """Return where the content begins and ends: without tag, quotes and header."""
    start, end = node.start, node.end
    if node.tag is not None:
        while start < end and not text[start].isspace():
            start += 1
        while start < end and text[start].isspace():
            start += 1
    if node.style in ("'", '"'):
        return start + 1, end - 1
    if node.style in ("|", ">"):
        found = _BREAK.search(text, start, end)
        return (found.end() if found else end), end
    return start, end


_Line = list[tuple[str, int]]
"""The characters of the value on one line of the file, each with its offset."""


def _lines(text: str, start: int, end: int, style: str) -> Iterator[_Line]:
    """Return the characters of each line of the file that is not blank."""
    block = style in ("|", ">")
    indent = None
    first = True
    for begin, stop in _bounds(text, start, end):
        lead = len(text[begin:stop]) - len(text[begin:stop].lstrip(" " if block else " \t"))
        if begin + lead == stop:
            first = False
            continue
        if block:
            indent = lead if indent is None else indent
            begin += min(lead, indent)  # noqa: PLW2901  the line without its indentation
        elif not first:
            begin += lead  # noqa: PLW2901  the same
        first = False
        if not block and stop < end:
            stop = begin + len(text[begin:stop].rstrip(" \t"))  # noqa: PLW2901  folded away
        yield list(_characters(text, begin, stop, style))


def _bounds(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for found in _BREAK.finditer(text, start, end):
        yield begin, found.start()
        begin = found.end()
    yield begin, end


def _characters(text: str, begin: int, stop: int, style: str) -> Iterator[tuple[str, int]]:
    """Return what a piece of a line means; an escape stands where its backslash does."""
    at = begin
    while at < stop:
        raw = text[at]
        length = 1
        if style == "'" and text.startswith("''", at):
            length = 2
        elif style == '"' and raw == "\\":
            found = _ESCAPE.match(text, at, stop)
            if found is None:
                return  # a backslash at the end of a line joins it with the next
            raw, length = _meaning(found[0]), len(found[0])
        if raw:
            yield raw, at
        at += length


_SIMPLE = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b",
    "0": "\0", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029", "\t": "\t",
}  # fmt: skip


def _meaning(escape: str) -> str:
    kind = escape[1]
    if kind in "xuU" and len(escape) > 2:  # noqa: PLR2004  digits follow
        first, _, second = escape[2:].partition("\\u")
        if second:
            high, low = int(first, 16), int(second, 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
        return chr(int(first, 16))
    return _SIMPLE.get(kind, kind)
