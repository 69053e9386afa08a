"""Conditions in CEL (`when`, `until`): the port, its errors, and what an evaluation may cost.

CEL is the language of Kubernetes' own validation rules (https://cel.dev). What is compiled is a
text out of a document; what it sees is JSON. It never sees a secret: a tainted value is null to it,
and an expression that names one is refused, unless it only asks `has(…)`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

MAX_LENGTH: Final = 2048
"""Characters of an expression. Kubernetes' own rules are seldom longer than 500."""

MAX_DEPTH: Final = 2
"""How deep `all`, `exists`, `exists_one`, `map` and `filter` may stand inside each other."""

MAX_WORK: Final = 10_000_000
"""Steps that an evaluation may need at worst, estimated before it starts: there is no way to stop
one. Measured: the worst expressions within it take less than a second.
"""


class CelError(Exception):
    """An expression cannot be read, or has no value; the text says where and what to do.

    `offset` counts the characters of the expression before the place (None: all of it), `line` and
    `column` are the same from 1. The text has the column, and the line if there are several.
    """

    def __init__(self, problem: str, source: str, offset: int | None = None) -> None:
        self.problem = problem
        self.offset = offset
        before = source[: offset or 0]
        self.line = before.count("\n") + 1
        self.column = len(before) - (before.rfind("\n") + 1) + 1
        super().__init__(f"{self._place(source)}{problem}")

    def _place(self, source: str) -> str:
        if self.offset is None:
            return ""
        if "\n" in source.strip():
            return f"line {self.line}, column {self.column}: "
        return f"column {self.column}: "


class InvalidExpression(CelError):
    """The expression is wrong as it stands, whatever the values are."""


class NoValue(CelError):
    """The expression asks for a field or an item that is not there (yet).

    For `until` that means: not yet. For `when` it is an error of the document.
    """


class NotEvaluated(CelError):
    """The expression is not fit for these values: types, a secret, or too much work."""


class Condition(Protocol):
    """A compiled expression; use it as often as needed."""

    @property
    def source(self) -> str:
        """The text that it was made from."""
        ...

    @property
    def variables(self) -> frozenset[str]:
        """The variables that it reads, such as `args` or `object`."""
        ...

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return the expression's value as JSON (times and durations as text).

        `variables` are JSON values, in which secrets are `Tainted`; those that the expression
        does not read cost nothing. Raises NoValue and NotEvaluated.
        """
        ...

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Return the value of an expression that must be true or false; errors as `evaluate`."""
        ...


class CelCompiler(Protocol):
    """CEL, whoever implements it."""

    def compile(self, source: str, variables: Collection[str]) -> Condition:
        """Read an expression over the given variables.

        Raises InvalidExpression for its syntax, for an unknown variable or function, and for what
        is too long or nested too deep.
        """
        ...
