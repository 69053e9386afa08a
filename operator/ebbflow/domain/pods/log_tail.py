"""The end of a container's log, for people: readable, and bounded whatever the container wrote."""

from __future__ import annotations

import json
import re
from typing import Final

TAIL_BYTES: Final = 3 * 1024
"""What the outputs of a node hold of a log, as JSON; a status keeps 4 KiB of all outputs of one."""

TAIL_LINES: Final = 100

SAID: Final = 600
"""Characters of a log in a message: those of a node may have 1,024."""

_TERMINAL: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])"
)
"""Colours, cursor movements and titles (ECMA-48, 5.4; OSC as xterm has it)."""

_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_RUNS: Final = re.compile(rf"{_UNREADABLE}+")


def readable(data: bytes) -> str:
    """Return what a container wrote as text of printable lines.

    Terminal sequences go; whatever else cannot be shown becomes one replacement character a run.
    """
    text = _TERMINAL.sub("", data.decode(errors="replace"))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_RUNS.sub(_UNREADABLE, _printable(line)).rstrip() for line in lines)


def last_lines(text: str, lines: int = TAIL_LINES, most: int = TAIL_BYTES) -> str:
    """Return the last lines of a readable text: at most so many, and so many bytes as JSON.

    Where not even the last line fits, its end is returned after an ellipsis.
    """
    kept = ""
    for line in reversed(text.strip("\n").split("\n")[-lines:]):
        longer = f"{line}\n{kept}" if kept else line
        if _size(longer) > most:
            return kept or _end_of(line, most)
        kept = longer
    return kept


def in_one_line(text: str, most: int = SAID) -> str:
    """Return the end of a readable text as one line of at most `most` characters."""
    parts = [" ".join(line.split()) for line in text.split("\n")]
    line = " | ".join(part for part in parts if part)
    return line if len(line) <= most else f"…{line[-(most - 1) :]}"


def ending(text: str) -> str:
    """Return how a log ended, as a part of a sentence; empty for an empty log."""
    return f"its log ends: {in_one_line(text)}" if text else ""


def _printable(line: str) -> str:
    expanded = line.replace("\t", "    ")
    return "".join(c if c.isprintable() else _UNREADABLE for c in expanded)


def _end_of(line: str, most: int) -> str:
    """Return as many of the line's last characters as fit, by halving what is left out."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high) // 2
        if _size(f"…{line[middle:]}") <= most:
            high = middle
        else:
            low = middle + 1
    return f"…{line[low:]}"


def _size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())
