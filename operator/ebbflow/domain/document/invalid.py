"""What is wrong with a document, and where."""

from __future__ import annotations

import json

from typing_extensions import override

_SHOWN = 60


class InvalidDocument(ValueError):
    """A document that cannot be used.

    `line` and `column` count from 1 (columns in characters, a byte order mark is none) and are
    None where no text is at hand; `path` is the field path, such as `spec.spec.steps[2].kind`,
    or None where the fault belongs to no field. The text holds at most a short piece of the
    document: a key, a kind, the value of an enumeration.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.path = path

    @override
    def __str__(self) -> str:
        where = []
        if self.line is not None:
            where.append(f"line {self.line}, column {self.column or 1}")
        if self.path:
            where.append(shortened(self.path, 200))
        return ": ".join((*where, self.message))


def shortened(text: str, length: int = _SHOWN) -> str:
    """Cut `text` to at most `length` characters, with an ellipsis where something is missing."""
    return text if len(text) <= length else text[: length - 1] + "…"


def shown(value: object) -> str:
    """Write a key or a value into a message: quoted, on one line, at most 60 characters.

    Objects and arrays are only named: what is in them may be secret.
    """
    match value:
        case str():
            return json.dumps(shortened(value), ensure_ascii=not value.isprintable())
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return shortened(json.dumps(value, default=str))
