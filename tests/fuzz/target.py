"""What a fuzz target is: a parser of bytes that somebody else wrote, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """Gives bytes to a parser and checks what it made of them.

    `run` lets through what the parser documents to raise, and nothing else. The corpus is the
    directory of the same name: one input a file, each the whole input.
    """

    name: str
    run: Callable[[bytes], None]
    max_bytes: int = 4096

    @property
    def corpus(self) -> Path:
        """Where its inputs are kept."""
        return CORPUS / self.name

    def seeds(self) -> dict[str, bytes]:
        """Return the committed inputs by their names."""
        return {file.name: file.read_bytes() for file in sorted(self.corpus.iterdir())}


def text_of(data: bytes) -> str:
    """Read bytes as a text; what is no UTF-8 becomes lone surrogates, as names in Git do."""
    return data.decode(errors="surrogateescape")


def lines_of(data: bytes, count: int) -> list[str]:
    """Cut a text into so many lines; the last one keeps the rest, those that are missing are empty."""
    parts = text_of(data).split("\n", count - 1)
    return parts + [""] * (count - len(parts))
