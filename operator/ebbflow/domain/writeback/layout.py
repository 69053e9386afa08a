"""The lines of a file: where they begin, what they hold, and which comments belong to what."""

from __future__ import annotations

import re
from bisect import bisect_right

from ebbflow.domain.document.syntax import Mapping, Node, Scalar

_BREAK = re.compile(r"\r\n|\n|\r")
_TRIVIA = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+")
_HEADER = re.compile(r"(?:![^\s]*[ \t]+)?[|>][0-9+-]*")


class Layout:
    """A text by lines, counted from 0. Columns count characters from 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        breaks = list(_BREAK.finditer(text))
        self.newline = breaks[0][0] if breaks else "\n"
        self._starts = [0, *(found.end() for found in breaks)]
        self._ends = [*(found.start() for found in breaks), len(text)]

    def line(self, offset: int) -> int:
        """Return the line that holds the character at `offset`."""
        return bisect_right(self._starts, offset) - 1

    def start(self, line: int) -> int:
        """Return the offset of a line's first character."""
        return self._starts[line]

    def end(self, line: int) -> int:
        """Return the offset of a line's break."""
        return self._ends[line]

    def after(self, line: int) -> int:
        """Return the offset of the next line's first character, or the length of the text."""
        return self._starts[line + 1] if line + 1 < len(self._starts) else len(self.text)

    def column(self, offset: int) -> int:
        """Return the column of the character at `offset`."""
        return offset - self._starts[self.line(offset)]

    def content(self, line: int) -> str:
        """Return a line without its break."""
        return self.text[self._starts[line] : self._ends[line]]

    def begins_line(self, offset: int) -> bool:
        """Tell whether only spaces stand before `offset` on its line."""
        return not self.text[self._starts[self.line(offset)] : offset].strip(" ")

    def skip(self, offset: int) -> int:
        """Return the offset of what follows white space, line breaks and comments."""
        found = _TRIVIA.match(self.text, offset)
        return found.end() if found else offset

    def header_end(self, scalar: Scalar) -> int:
        """Return where the header of a block scalar (its tag, `|` and indicators) ends."""
        found = _HEADER.match(self.text, scalar.start)
        return found.end() if found else scalar.start

    def end_of(self, node: Node) -> int:
        """Return where a node's last character is; for block scalars the end of its last line.

        libyaml's own end of block nodes runs on over blank lines and comments.
        """
        while not isinstance(node, Scalar) and not node.flow:
            node = node.values[-1] if isinstance(node, Mapping) else node.items[-1]
        if isinstance(node, Scalar) and node.style in ("|", ">"):
            return self._block_scalar_end(node)
        return node.end

    def _block_scalar_end(self, scalar: Scalar) -> int:
        header = self.line(scalar.start)
        last = max(header, self.line(max(scalar.end - 1, scalar.start)))
        if "+" in self.text[scalar.start : self.header_end(scalar)]:
            return self._ends[last]
        while last > header and not self.content(last).strip(" "):
            last -= 1
        return self._ends[last]

    def last_line(self, offset: int, column: int) -> int:
        """Return the last line of what ends at `offset` and stands at `column`.

        Comments below it that are indented deeper than it belong to it.
        """
        last = line = self.line(offset)
        while line + 1 < len(self._starts):
            line += 1
            content = self.content(line)
            bare = content.lstrip(" \t")
            if not bare:
                continue
            if not bare.startswith("#") or len(content) - len(bare) <= column:
                break
            last = line
        return last

    def first_line(self, offset: int, floor: int) -> int:
        """Return the first line of what begins at `offset`: its own or that of comments above it.

        Comments directly above it, indented alike, belong to it; lines up to `floor` do not.
        """
        line = self.line(offset)
        prefix = " " * self.column(offset) + "#"
        while line - 1 > floor and self.content(line - 1).startswith(prefix):
            line -= 1
        return line

    def comment_after(self, offset: int) -> int | None:
        """Return where the comment behind `offset` on the same line begins, if there is one."""
        end = self._ends[self.line(offset)]
        rest = self.text[offset:end]
        bare = rest.lstrip(" \t")
        if bare.startswith("#") and len(bare) < len(rest):
            return end - len(bare)
        return None
