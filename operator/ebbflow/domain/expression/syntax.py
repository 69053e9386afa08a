"""The syntax tree of a string that holds expressions.

Offsets count characters of the string and take no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

Root = OneOf["args", "refs", "secrets", "loop"]
"""What a path begins with; `fn` and `template` are read by the parser itself."""

ROOTS: tuple[Root, ...] = ("args", "refs", "secrets", "loop")


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number, true, false or null."""

    value: str | int | float | bool | None
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Regex:
    """`/pattern/flags`, as written between the slashes."""

    pattern: str
    flags: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Path:
    """`refs.node.status.0.name`: the root and at least one step; an index is a step of digits."""

    root: Root
    steps: tuple[str, ...]
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """A parameter of an arrow function around it, and steps into its value."""

    name: str
    steps: tuple[str, ...] = ()
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`fn.name(arguments)` and steps into its result.

    `ordinal` numbers the calls of randomSecret in one string from 0, so that each keeps its own
    value; it is 0 for all other functions.
    """

    name: str
    arguments: tuple[Argument, ...]
    steps: tuple[str, ...] = ()
    ordinal: int = 0
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Arrow:
    """`(item, index) => body`; an argument of the functions over arrays."""

    parameters: tuple[str, ...]
    body: Expression
    offset: int = field(default=0, compare=False)


Expression = Literal | Path | Variable | Call
"""What has a value."""

Argument = Literal | Path | Variable | Call | Regex | Arrow
"""What may stand between the parentheses of a function."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text outside of expressions, with its escapes resolved; never empty."""

    value: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Hole:
    """`${expression}`; `level` counts the `template.` in front of it."""

    expression: Expression
    level: int = 0
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SecretKey:
    """`${{secrets.name.values.key}}`: a Secret's key whose value never passes through here.

    It stays as it is when a string is rendered; the Manifest node makes a secretKeyRef of it.
    """

    secret: str
    key: str
    offset: int = field(default=0, compare=False)


Part = Text | Hole | SecretKey


@dataclass(frozen=True, slots=True)
class Interpolation:
    """A whole string: text and expressions in their order. No two texts are neighbours."""

    parts: tuple[Part, ...]
