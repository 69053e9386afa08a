"""Functions over true and false."""

from __future__ import annotations

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.functions.signature import (
    Call,
    Function,
    Kind,
    Parameter,
    Thunk,
)
from ebbflow.domain.expression.values import UNDEFINED, equal, is_true

_BOOLEAN = Parameter("boolean", Kind.BOOLEAN)
_BOOLEANS = (Parameter("boolean", Kind.BOOLEAN, many=True),)
_ANYTHINGS = (Parameter("value", Kind.ANY), Parameter("other", Kind.ANY, many=True))
_NUMBERS = (Parameter("a", Kind.NUMBER), Parameter("b", Kind.NUMBER))


def _not(_call: Call, boolean: bool) -> bool:
    return not boolean


def _or(_call: Call, *booleans: Thunk) -> bool:
    return any(is_true(boolean()) for boolean in booleans)


def _and(_call: Call, *booleans: Thunk) -> bool:
    return all(is_true(boolean()) for boolean in booleans)


def _if(_call: Call, condition: Thunk, then: Thunk, otherwise: Thunk | None = None) -> Json:
    if is_true(condition()):
        return then()
    return otherwise() if otherwise else UNDEFINED


def _eq(call: Call, value: Json, *others: Json) -> bool:
    first = call.open_all(value)
    return all(equal(first, call.open_all(other), call.budget) for other in others)


def _neq(call: Call, value: Json, *others: Json) -> bool:
    return not _eq(call, value, *others)


def _gt(_call: Call, a: float, b: float) -> bool:
    return a > b


def _lt(_call: Call, a: float, b: float) -> bool:
    return a < b


def _gte(_call: Call, a: float, b: float) -> bool:
    return a >= b


def _lte(_call: Call, a: float, b: float) -> bool:
    return a <= b


FUNCTIONS = (
    Function(
        "not", "boolean", (_BOOLEAN,), Kind.BOOLEAN, "True if the value is false.",
        ("fn.not('')", True), _not,
    ),
    Function(
        "or", "boolean", _BOOLEANS, Kind.BOOLEAN,
        "True if any value is true; those behind the first true one are not evaluated.",
        ("fn.or(false, 'yes')", True), _or, lazy=True,
    ),
    Function(
        "and", "boolean", _BOOLEANS, Kind.BOOLEAN,
        "True if all values are true; those behind the first false one are not evaluated.",
        ("fn.and(true, 1, '')", False), _and, lazy=True,
    ),
    Function(
        "if", "boolean",
        (Parameter("boolean", Kind.BOOLEAN), Parameter("then", Kind.ANY), Parameter("else", Kind.ANY, optional=True)), Kind.ANY,
        "The second value if the first is true, else the third; only that one is evaluated. Without a third it is nothing, which no field can hold.",
        ("fn.if(fn.eq(args.ENV, 'prod'), 3, 1)", 3), _if, lazy=True,
    ),
    Function(
        "eq", "boolean", _ANYTHINGS, Kind.BOOLEAN,
        "True if all values are equal, by type and content: `'3'` is not `3`, `1` is `1.0`, nothing is `null`; arrays and objects are compared deeply.",
        ("fn.eq(args.ENV, 'prod')", True), _eq,
    ),
    Function(
        "neq", "boolean", _ANYTHINGS, Kind.BOOLEAN, "True unless all values are equal.",
        ("fn.neq(1, 1, 2)", True), _neq,
    ),
    Function(
        "gt", "boolean", _NUMBERS, Kind.BOOLEAN, "True if a is greater than b.",
        ("fn.gt(args.REPLICAS, 1)", True), _gt,
    ),
    Function(
        "lt", "boolean", _NUMBERS, Kind.BOOLEAN, "True if a is less than b.",
        ("fn.lt(2, 2)", False), _lt,
    ),
    Function(
        "gte", "boolean", _NUMBERS, Kind.BOOLEAN, "True if a is greater than b or equal.",
        ("fn.gte(2, 2)", True), _gte,
    ),
    Function(
        "lte", "boolean", _NUMBERS, Kind.BOOLEAN, "True if a is less than b or equal.",
        ("fn.lte(3, 2)", False), _lte,
    ),
)  # fmt: skip
