"""What a function of the expression language is: its parameters, its result, its example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.limits import Budget
from ebbflow.domain.expression.scope import Scope
from ebbflow.domain.secret import Tainted


class Kind(Enum):
    """What a parameter takes; the value is its name in the reference."""

    ANY = "any"
    BOOLEAN = "boolean"
    """Anything, taken for true or false as JavaScript does."""
    STRING = "string"
    """A number or boolean is taken as its text."""
    NUMBER = "number"
    """A string that spells a number is taken as that number."""
    INTEGER = "integer"
    OBJECT = "object"
    ARRAY = "array"
    COLLECTION = "object or array"
    MATCH = "string or regex"
    CALLBACK = "function"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `many`: it may be given any number of times (the last one only)."""

    name: str
    kind: Kind
    optional: bool = False
    many: bool = False


class Call(Protocol):
    """What a running function may use."""

    @property
    def budget(self) -> Budget:
        """What may still be spent."""
        ...

    @property
    def scope(self) -> Scope:
        """What the expression can see."""
        ...

    @property
    def place(self) -> str:
        """Where this call stands, the same in every run."""
        ...

    def open(self, value: Json) -> Json:
        """Take a value out of its wrapping if it is secret, and remember that it was."""
        ...

    def open_all(self, value: Json) -> Json:
        """Take everything in a value out of its wrapping, and remember what was secret."""
        ...


Thunk = Callable[[], Json]
"""An argument that was not evaluated yet."""


@dataclass(frozen=True, slots=True)
class Function:
    """One of the 48.

    `run` gets the call and the arguments, turned into what the parameters say; absent optional
    ones are None. `lazy`: it gets thunks instead and evaluates what it needs. It raises
    ExpressionError without an offset. `example` is an expression and its value, which a test
    evaluates.
    """

    name: str
    group: str
    parameters: tuple[Parameter, ...]
    returns: Kind
    about: str
    example: tuple[str, Json]
    run: Callable[..., Any]
    lazy: bool = False

    @property
    def fewest(self) -> int:
        """The number of arguments that must be there."""
        return sum(not parameter.optional for parameter in self.parameters)

    @property
    def most(self) -> int | None:
        """The number of arguments that may be there; None: any."""
        many = bool(self.parameters) and self.parameters[-1].many
        return None if many else len(self.parameters)

    def parameter(self, index: int) -> Parameter:
        """Return the parameter that an argument belongs to."""
        return self.parameters[min(index, len(self.parameters) - 1)]

    @property
    def signature(self) -> str:
        """`fn.slice(string, start, end?)`."""
        return f"fn.{self.name}({', '.join(map(_shown, self.parameters))})"

    def wrong_number(self, given: int) -> str | None:
        """Return what is wrong with the number of arguments, or None."""
        if given >= self.fewest and (self.most is None or given <= self.most):
            return None
        return f"wrong number of arguments: {given}; it is {self.signature}"


def _shown(parameter: Parameter) -> str:
    return parameter.name + ("?" if parameter.optional else "") + (", …" if parameter.many else "")


__all__ = ["Call", "Function", "Kind", "Parameter", "Tainted", "Thunk"]
