"""Values → what the parameters of functions take."""

from __future__ import annotations

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.errors import ExpressionError
from ebbflow.domain.expression.functions.signature import Kind, Parameter
from ebbflow.domain.expression.limits import Budget
from ebbflow.domain.expression.pattern import Pattern
from ebbflow.domain.expression.syntax import Arrow, Regex
from ebbflow.domain.expression.values import is_true, kind_of, number_of, text_of

_NEEDED = {
    Kind.ANY: "a value",
    Kind.BOOLEAN: "a value",
    Kind.STRING: "a string",
    Kind.NUMBER: "a number",
    Kind.INTEGER: "a whole number",
    Kind.OBJECT: "an object",
    Kind.ARRAY: "an array",
    Kind.COLLECTION: "an object or an array",
    Kind.MATCH: "a string or a regular expression",
    Kind.CALLBACK: "an arrow function such as (item) => fn.slug(item)",
}


def converted(value: Json, parameter: Parameter, offset: int, budget: Budget) -> Json:
    """Return the value as the parameter takes it. Raises ExpressionError at `offset`."""
    taken = _taken(value, parameter.kind, budget)
    if taken is None and parameter.kind is not Kind.ANY:
        raise ExpressionError(mismatch(parameter, kind_of(value)), offset)
    return taken


def check_kind(parameter: Parameter, argument: Arrow | Regex) -> None:
    """Refuse a function or regular expression where a value is needed."""
    fits = Kind.CALLBACK if isinstance(argument, Arrow) else Kind.MATCH
    if parameter.kind is not fits:
        given = "a function" if isinstance(argument, Arrow) else "a regular expression"
        raise ExpressionError(mismatch(parameter, given), argument.offset)


def mismatch(parameter: Parameter, given: str) -> str:
    """Say that an argument is of the wrong type."""
    return f"the argument {parameter.name} must be {_NEEDED[parameter.kind]}, not {given}"


def _taken(value: Json, kind: Kind, budget: Budget) -> Json:
    """None: the value does not fit."""
    match kind:
        case Kind.BOOLEAN:
            return is_true(value)
        case Kind.NUMBER | Kind.INTEGER:
            return _number(value, whole=kind is Kind.INTEGER)
        case Kind.STRING | Kind.MATCH:
            fits = isinstance(value, Pattern) and kind is Kind.MATCH
            return value if fits else _text(value, budget)
        case _:
            return value if _fits(value, kind) else None


def _fits(value: Json, kind: Kind) -> bool:
    match kind:
        case Kind.OBJECT:
            return isinstance(value, dict)
        case Kind.ARRAY:
            return isinstance(value, list)
        case Kind.COLLECTION:
            return isinstance(value, dict | list)
        case Kind.CALLBACK:
            return callable(value)
        case _:
            return True


def _text(value: Json, budget: Budget) -> str | None:
    return text_of(value, budget) if isinstance(value, str | int | float) else None


def _number(value: Json, *, whole: bool) -> int | float | None:
    number = number_of(value)
    return number if number is None or not whole else _whole(number)


def _whole(number: float) -> int | None:
    """Return a whole number as an integer; None for others."""
    return int(number) if float(number).is_integer() else None
