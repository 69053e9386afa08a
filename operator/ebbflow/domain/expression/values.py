"""The values of expressions: JSON, and the value that is not there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from typing_extensions import override

from ebbflow.domain.document.limits import MAX_INTEGER, MIN_INTEGER
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.errors import ExpressionError
from ebbflow.domain.expression.limits import Budget
from ebbflow.domain.secret import Tainted


class Undefined:
    """The value of a field that does not exist; only functions ever see it."""

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

_NUMERAL = re.compile(r"\s*+[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?\s*+")
_LONGEST_NUMERAL = 400
_PLAIN_BELOW = 1e21  # from here on JavaScript writes an exponent


_KINDS: tuple[tuple[type, str], ...] = (
    (Undefined, "nothing"),
    (type(None), "null"),
    (bool, "a boolean"),  # before the numbers: it is one, for Python
    (int, "a number"),
    (float, "a number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
    (Mapping, "an object"),
    (Tainted, "a secret"),
)


def kind_of(value: Json) -> str:
    """Name the type of a value, for messages."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "a function")


def is_true(value: Json) -> bool:
    """Tell whether JavaScript takes the value for true: empty arrays and objects are."""
    return not (
        value is None or value is UNDEFINED or (isinstance(value, str | int | float) and not value)
    )


def number_of(value: Json) -> int | float | None:
    """Return a number, or the number that a string spells in decimal; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_NUMERAL or not _NUMERAL.fullmatch(value):
        return None
    try:
        number: int | float = int(value)
    except ValueError:
        number = float(value)
    try:
        return result_number(number)
    except ExpressionError:
        return None


def result_number(value: float) -> int | float:
    """Return a number as JSON keeps it: whole numbers as integers, within 64 bits.

    Raises ExpressionError for what JSON cannot say.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError("the result is no finite number")
        if not value.is_integer() or abs(value) >= MAX_INTEGER:
            return value
        return int(value)
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise ExpressionError("the result does not fit into 64 bits")
    return value


def number_text(value: float) -> str:
    """Write a number as JavaScript does: 1.0 is 1, 1e21 is 1e+21."""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _PLAIN_BELOW:
            return str(int(value))
        return _exponent(repr(value))
    return str(value)


def _exponent(text: str) -> str:
    """Python writes 1e-07 where JavaScript writes 1e-7."""
    return re.sub(r"e([-+])0(?=[0-9])", r"e\1", text)


def text_of(value: Json, budget: Budget) -> str:
    """Write a value into a longer string: a string as it is, all else as compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return number_text(value)
    return json_text(value, budget)


def json_text(value: Json, budget: Budget) -> str:
    """Write compact JSON of a value without secrets in it; bounded by the budget."""
    plain = unwrap(value, budget).value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


class Unwrapped(NamedTuple):
    """A value without Tainted in it, and where the secrets came from; empty: there are none."""

    value: Json
    sources: frozenset[str]
    tainted: bool


def unwrap(value: Json, budget: Budget) -> Unwrapped:
    """Walk over a whole value and take the secrets in it out of their wrapping.

    The budget pays for every value and character, shared ones as often as they are there: so
    nothing that is written out afterwards grows beyond it.
    """
    walk = _Unwrap(budget)
    plain = walk.take(value, 0)
    return Unwrapped(plain, frozenset(walk.sources), walk.tainted)


class _Unwrap:
    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.sources: set[str] = set()
        self.tainted = False

    def take(self, value: Json, depth: int) -> Json:
        self.budget.step()
        match value:
            case str():
                self.budget.make(len(value))
                return value
            case dict():
                self.budget.nested(depth)
                self.budget.make(sum(map(len, value)))
                return {key: self.take(item, depth + 1) for key, item in value.items()}
            case list() | tuple():
                self.budget.nested(depth)
                return [self.take(item, depth + 1) for item in value]
            case Tainted():
                self.tainted = True
                self.sources |= value.sources
                return self.take(value.reveal(), depth + 1)
            case Undefined():
                return None
            case _:
                return value


def equal(left: Json, right: Json, budget: Budget) -> bool:
    """Compare two values without secrets in them, deeply and by type.

    Numbers are equal as numbers (1 and 1.0); nothing and null are equal; no string equals a
    number, no boolean does.
    """
    budget.step()
    if left is UNDEFINED or left is None:
        return right is UNDEFINED or right is None
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            equal(item, right[key], budget) for key, item in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            equal(one, other, budget) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
