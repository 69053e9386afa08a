"""What is wrong with an expression, and where in its string."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from typing_extensions import override

from ebbflow.domain.document.invalid import shortened, shown
from ebbflow.domain.document.path import Step, path_of


class ExpressionError(ValueError):
    """An expression that cannot be read or has no value.

    `offset` counts characters of the string from 0; None where the fault is of no one place.
    `steps` lead to the string within the value that was rendered; None before rendering knows.
    `limit` names the limit that was exceeded, if that is the fault. The message names things
    (functions, fields, arguments) and types, never a value.
    """

    def __init__(
        self, message: str, offset: int | None = None, *, limit: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.limit = limit
        self.steps: tuple[Step, ...] | None = None

    @override
    def __str__(self) -> str:
        where = shortened(path_of(self.steps), 200) + ": " if self.steps else ""
        at = "" if self.offset is None else f" (at character {self.offset + 1})"
        return f"{where}{self.message}{at}"


class NotKnownYet(ExpressionError):
    """The value is part of an output that only a real run brings (`Scope.planned`)."""


class SecretNotFound(ExpressionError):
    """The lookup knows no Secret of this name: it was not read yet, or does not exist."""

    def __init__(self, name: str, offset: int | None = None) -> None:
        super().__init__(
            f"there is no Secret {shown(name)} in the namespace, or it may not be read; "
            "create it, or correct its name",
            offset,
        )
        self.name = name


def hint(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` if something known resembles the word, else nothing."""
    near = difflib.get_close_matches(shortened(word), sorted(known)[:1000], n=1)
    return f"; did you mean {near[0]}?" if near else ""
