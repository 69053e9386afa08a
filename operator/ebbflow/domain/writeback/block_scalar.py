"""A changed string that stands in a block scalar (`|` or `>`): only its changed lines change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from ebbflow.domain.document.syntax import Scalar
from ebbflow.domain.writeback.layout import Layout
from ebbflow.domain.writeback.respell import SPELLINGS, Spelling, respell
from ebbflow.domain.writeback.yaml_text import reads_as

_INDICATOR = re.compile(r"[1-9]")
_FINELY_COMPARED = 400  # lines; the comparison is quadratic


@dataclass(frozen=True, slots=True)
class BlockScalar:
    """A block scalar of the file: its header, its content lines, and their indentation."""

    header: str
    lines: list[str]
    indent: int
    parent: int
    newline: str

    def text(self, header: str, lines: list[str]) -> str:
        """Return the whole scalar as it would stand in the file."""
        return self.newline.join((header, *lines))


def read_block_scalar(scalar: Scalar, parent: int, layout: Layout) -> BlockScalar:
    """Take a block scalar apart; `parent` is the column of the key or dash that it belongs to."""
    first = layout.line(scalar.start)
    last = layout.line(layout.end_of(scalar))
    lines = [layout.content(line) for line in range(first + 1, last + 1)]
    header = layout.text[scalar.start : layout.header_end(scalar)]
    written = _INDICATOR.search(header.rpartition(" ")[2])
    if written:
        indent = parent + int(written[0])
    else:
        indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), 0)
    return BlockScalar(header, lines, indent, parent, layout.newline)


def change_block_scalar(
    block: BlockScalar, scalar: Scalar, wanted: str
) -> tuple[str, list[str]] | None:
    """Return the header and the content lines that mean `wanted`; None if the style cannot."""
    if not (block.lines and block.indent and wanted):
        return None
    if wanted.endswith("\n\n") != scalar.text.endswith("\n\n"):
        return None  # blank lines behind the scalar would become part of it, or stop being so
    header = _header(block, wanted)
    folded = scalar.style == ">"
    lines = _folded(block, scalar, wanted) if folded else _literal(block, wanted)
    if lines is None:
        return None
    written = block.text(header, lines)
    return (header, lines) if reads_as(written, wanted, flow=False, column=block.parent) else None


def _header(block: BlockScalar, wanted: str) -> str:
    """Return the header with the chomping that `wanted` needs, and an indentation if it must."""
    chomping = "" if wanted.endswith("\n") else "-"
    if "+" in block.header and wanted.endswith("\n"):
        chomping = "+"
    bare = block.header.replace("+", "").replace("-", "")
    opening = next((line for line in wanted.split("\n") if line), "")
    if opening.startswith(" ") and not _INDICATOR.search(bare.rpartition(" ")[2]):
        bare += str(block.indent - block.parent)
    return (
        block.header
        if _chomping(block.header) == chomping and bare == _bare(block.header)
        else bare + chomping
    )


def _bare(header: str) -> str:
    return header.replace("+", "").replace("-", "")


def _chomping(header: str) -> str:
    return next((mark for mark in "+-" if mark in header.rpartition(" ")[2]), "")


def _literal(block: BlockScalar, wanted: str) -> list[str]:
    """Lines that did not change keep the file's spelling of them, trailing spaces and all."""
    body = wanted.removesuffix("\n")
    now = body.split("\n")
    before = [line[block.indent :] for line in block.lines]
    result: list[str] = []
    for same, old, new in _runs(before, now):
        if same:
            result += block.lines[old[0] : old[1]]
        else:
            result += [" " * block.indent + line if line else "" for line in now[new[0] : new[1]]]
    return result


Run = tuple[bool, tuple[int, int], tuple[int, int]]


def _runs(before: list[str], now: list[str]) -> list[Run]:
    """Return the runs of lines that are the same in both, and those between them."""
    first = 0
    while first < min(len(before), len(now)) and before[first] == now[first]:
        first += 1
    last = 0
    while last < min(len(before), len(now)) - first and before[-1 - last] == now[-1 - last]:
        last += 1
    old, new = before[first : len(before) - last], now[first : len(now) - last]
    middle: list[Run] = [(False, (first, first + len(old)), (first, first + len(new)))]
    if len(old) <= _FINELY_COMPARED and len(new) <= _FINELY_COMPARED:
        middle = [
            (tag == "equal", (first + i1, first + i2), (first + j1, first + j2))
            for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        ]
    return [
        (True, (0, first), (0, first)),
        *middle,
        (True, (len(before) - last, len(before)), (len(now) - last, len(now))),
    ]


def _folded(block: BlockScalar, scalar: Scalar, wanted: str) -> list[str] | None:
    """Fold as the file does: breaks outside of the change stay, new text is not folded."""
    if any(line[block.indent : block.indent + 1] in (" ", "\t") for line in block.lines):
        return None  # lines that are indented deeper are not folded; too easy to get wrong
    start = " " * block.indent
    between = "\n" + start
    plain = SPELLINGS[""]
    spelling = Spelling(plain.cut, plain.meaning, lambda text: text.replace("\n", "\n\n" + start))
    raw = between.join(line[block.indent :] for line in block.lines)
    changed = respell(raw, scalar.text.rstrip("\n"), wanted.rstrip("\n"), spelling)
    if changed is None:
        return None
    return [line if line.strip(" ") else "" for line in (start + changed).split("\n")]
