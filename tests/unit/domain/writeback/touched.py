"""Which lines of a file an edit may touch, worked out without the code under test.

Coarser than what the editor promises (a moved item excuses its whole list), never finer.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

from ebbflow.domain.document import normalise
from ebbflow.domain.document.normal import canonical, identical
from ebbflow.domain.document.parsed import ParsedDocument
from ebbflow.domain.document.syntax import Mapping, Node, Scalar, Sequence

Json = Any


def untouchable_lines(parsed: ParsedDocument, wanted: Json) -> list[str]:
    """The lines, with their ends, that must come out as they are and in their order."""
    text = parsed.source.text
    lines = text.splitlines(keepends=True) if "\u2028" not in text else text.split("\n")
    touched = _Touched(text)
    touched.compare(parsed.root, normalise(parsed.value), normalise(wanted), 0)
    return [line for index, line in enumerate(lines) if index not in touched.lines]


class _Touched:
    def __init__(self, text: str) -> None:
        self.text = text
        self.content = text.split("\n")
        self.lines: set[int] = set()

    def line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset)

    def end(self, node: Node) -> int:
        while not isinstance(node, Scalar) and not node.flow:
            node = node.values[-1] if isinstance(node, Mapping) else node.items[-1]
        return self.line(max(node.end - 1, node.start))

    def take(self, start: int, node: Node) -> None:
        """Excuse the lines from an offset to the end of a node, and the comments around them."""
        first, last = self.line(start), self.end(node)
        self.lines.update(range(first, last + 1))
        while first > 0 and (
            self._is_comment(first - 1, blank=True) or self._leads_to_dash(first - 1)
        ):
            first -= 1
            self.lines.add(first)
        while last + 1 < len(self.content) and self._is_comment(last + 1, blank=True):
            last += 1
            self.lines.add(last)

    def _begins_line(self, offset: int) -> bool:
        return not self.text[self.text.rfind("\n", 0, offset) + 1 : offset].strip()

    def _is_comment(self, line: int, *, blank: bool = False) -> bool:
        bare = self.content[line].strip()
        return bare.startswith("#") or (blank and not bare)

    def _leads_to_dash(self, line: int) -> bool:
        """Tell whether only blank lines and comments stand between here and a lone dash above."""
        while line > 0 and self._is_comment(line, blank=True):
            line -= 1
        bare = self.content[line].strip()
        return re.fullmatch(r"(- +)*-(\s+#.*)?", bare) is not None

    def compare(self, node: Node, have: Json, wanted: Json, start: int) -> None:
        if identical(have, wanted):
            return
        if isinstance(node, Mapping) and isinstance(wanted, dict) and wanted.keys() & have.keys():
            self._compare_objects(node, have, wanted)
        elif isinstance(node, Sequence) and isinstance(wanted, list) and have and wanted:
            self._compare_lists(node, have, wanted, start)
        else:
            self.take(start, node)

    def _compare_objects(self, node: Mapping, have: Json, wanted: Json) -> None:
        if node.flow and have.keys() != wanted.keys():
            self.take(node.start, node)
        for key, value in zip(node.keys, node.values, strict=True):
            if key.text in wanted:
                self.compare(value, have[key.text], wanted[key.text], key.start)
            else:
                self.take(key.start, value)
        if node.keys[0].text not in wanted:  # the next key may move up behind a dash
            kept = next(key for key in node.keys if key.text in wanted)
            self.lines.add(self.line(kept.start))

    def _compare_lists(self, node: Sequence, have: Json, wanted: Json, start: int) -> None:
        refs = [
            [item.get("ref") if isinstance(item, dict) else None for item in side]
            for side in (have, wanted)
        ]
        before, now = [canonical(item) for item in have], [canonical(item) for item in wanted]
        if len(set(before)) < len(before) or len(set(now)) < len(now):
            self.take(start, node)  # which of two equal items was moved or removed is open
            return
        if len(have) == len(wanted) and refs[0] == refs[1]:
            for index, item in enumerate(node.items):
                moved = canonical(wanted[index]) in map(canonical, have)
                if moved and not identical(have[index], wanted[index]):
                    self.take(start, node)
                self.compare(item, have[index], wanted[index], item.start)
            return
        kept: set[int] = set()
        for block in SequenceMatcher(None, before, now, autojunk=False).get_matching_blocks():
            kept.update(range(block.a, block.a + block.size))
        gone = [index for index in range(len(before)) if index not in kept]
        first_moves = before[0] != now[0] and not self._begins_line(node.start)
        if node.flow or not kept or first_moves or any(before[index] in now for index in gone):
            self.take(start, node)
        for index in gone:
            self.take(node.items[index].start, node.items[index])
