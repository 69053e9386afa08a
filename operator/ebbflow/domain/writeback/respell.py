"""A string changed within its own spelling.

What both strings begin and end with keeps the very characters of the file: escapes stay escapes,
folds stay where they are, and only the lines of the change differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from ebbflow.domain.writeback.yaml_text import escaped

Unit = tuple[str, str]
"""A piece of the file's text, and the characters that it means."""

# Runs are taken whole (possessively): a string of 500 KiB of spaces must not cost its square.
_FOLD = r"[ \t]*+(?:\r\n|\n|\r)(?:[ \t]*+(?:\r\n|\n|\r))*+[ \t]*+|[ \t]++"
_DOUBLE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(?:\r\n|\n|\r)[ \t]*+|.)|"
    + _FOLD
    + r"|[^\\ \t\r\n]++"
)
_SINGLE = re.compile("''|" + _FOLD + r"|[^' \t\r\n]++")
_PLAIN = re.compile(_FOLD + r"|[^ \t\r\n]++")
_JSON = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]++"
)
_BREAK = re.compile(r"\r\n|\n|\r")
_NAMED = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f",
    "r": "\r", "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0",
    "L": "\u2028", "P": "\u2029",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spelling:
    """A way to write strings: how its text is cut into units, and how new text is written."""

    cut: re.Pattern[str]
    meaning: Callable[[str], str]
    write: Callable[[str], str]


def _double(raw: str) -> str:
    if not raw.startswith("\\"):
        return _folded(raw)
    if raw[1] in "xuU":
        return chr(int(f"0x{raw[2:]}", 0))
    return _NAMED.get(raw[1], "")  # a backslash at the end of a line stands for nothing


def _folded(raw: str) -> str:
    breaks = len(_BREAK.findall(raw))
    if not breaks:
        return raw
    return "\n" * (breaks - 1) if breaks > 1 else " "


def _single(raw: str) -> str:
    return "'" if raw == "''" else _folded(raw)


def _json(raw: str) -> str:
    return str(json.loads(f'"{raw}"')) if raw.startswith("\\") else raw


SPELLINGS = {
    '"': Spelling(_DOUBLE, _double, escaped),
    "'": Spelling(_SINGLE, _single, lambda text: text.replace("'", "''")),
    "": Spelling(_PLAIN, _folded, lambda text: text),
    "json": Spelling(_JSON, _json, lambda text: json.dumps(text, ensure_ascii=False)[1:-1]),
}


def respell(raw: str, text: str, wanted: str, spelling: Spelling) -> str | None:
    """Return `raw` (without quotes), which means `text`, changed so that it means `wanted`.

    None if the raw text does not mean what it should, as far as this module understands it.
    """
    units = [(found[0], spelling.meaning(found[0])) for found in spelling.cut.finditer(raw)]
    if "".join(meaning for _, meaning in units) != text:
        return None
    front, start = _shared(units, wanted)
    back, end = _shared_back(units[front:], wanted[start:])
    middle = wanted[start : len(wanted) - end]
    kept = units[:front], units[len(units) - back :]
    head, tail = ("".join(piece for piece, _ in side) for side in kept)
    return head + spelling.write(middle) + tail


def _shared(units: list[Unit], wanted: str) -> tuple[int, int]:
    """Return how many units, and how many characters, `wanted` begins with."""
    count = at = 0
    for _, meaning in units:
        if not wanted.startswith(meaning, at):
            break
        count, at = count + 1, at + len(meaning)
    return count, at


def _shared_back(units: list[Unit], wanted: str) -> tuple[int, int]:
    """Return how many units, and how many characters, `wanted` ends with."""
    count = length = 0
    for _, meaning in reversed(units):
        end = len(wanted) - length
        if len(meaning) > end or not wanted.endswith(meaning, 0, end):
            break
        count, length = count + 1, length + len(meaning)
    return count, length
