"""Changes of a text, collected by offset and applied at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ebbflow.domain.writeback.refusal import CannotEdit


@dataclass(slots=True)
class Splices:
    """Replacements in one text. Offsets are those of the text as it was."""

    text: str
    newline: str
    _edits: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, start: int, end: int, text: str) -> None:
        """Put `text` in place of what stands from `start` to `end`."""
        self._edits.append((start, end, text))

    def delete(self, start: int, end: int) -> None:
        """Remove what stands from `start` to `end`."""
        self._edits.append((start, end, ""))

    def insert_lines(self, offset: int, lines: Sequence[str]) -> None:
        """Insert whole lines at the start of a line, or at the end of the text."""
        if not lines:
            return
        text = self.newline.join(lines)
        if offset == len(self.text) and not self.text.endswith(("\n", "\r")):
            self.replace(offset, offset, self.newline + text)  # the last line has no end of its own
        else:
            self.replace(offset, offset, text + self.newline)

    def render(self, start: int = 0, end: int | None = None) -> str:
        """Return the piece of the text from `start` to `end` with its changes applied.

        What is inserted at an offset comes before what replaces the text from there on.
        """
        stop = len(self.text) if end is None else end
        pieces, at = [], start
        for first, last, text in sorted(self._edits, key=lambda edit: (edit[0], edit[1] > edit[0])):
            if first < at or last > stop:
                raise CannotEdit("the changes overlap")
            pieces += [self.text[at:first], text]
            at = last
        return "".join((*pieces, self.text[at:stop]))
