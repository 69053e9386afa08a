"""Functions over arrays; most take an arrow function `(item, index) => …`."""

from __future__ import annotations

from collections.abc import Callable

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.functions.signature import Call, Function, Kind, Parameter
from ebbflow.domain.expression.values import UNDEFINED, is_true

Apply = Callable[[Json, int], Json]

_ARRAY = Parameter("array", Kind.ARRAY)
_WITH_FUNCTION = (_ARRAY, Parameter("function", Kind.CALLBACK))


def _find(_call: Call, array: list[Json], apply: Apply) -> Json:
    found = (item for index, item in enumerate(array) if is_true(apply(item, index)))
    return next(found, UNDEFINED)


def _concat(call: Call, *arrays: list[Json]) -> list[Json]:
    call.budget.make(sum(map(len, arrays)))
    return [item for array in arrays for item in array]


def _some(_call: Call, array: list[Json], apply: Apply) -> bool:
    return any(is_true(apply(item, index)) for index, item in enumerate(array))


def _every(_call: Call, array: list[Json], apply: Apply) -> bool:
    return all(is_true(apply(item, index)) for index, item in enumerate(array))


def _filter(call: Call, array: list[Json], apply: Apply) -> list[Json]:
    call.budget.make(len(array))
    return [item for index, item in enumerate(array) if is_true(apply(item, index))]


def _map(call: Call, array: list[Json], apply: Apply) -> list[Json]:
    call.budget.make(len(array))
    return [_or_null(apply(item, index)) for index, item in enumerate(array)]


def _or_null(value: Json) -> Json:
    """An array in JSON has no holes."""
    return None if value is UNDEFINED else value


def _slice(call: Call, array: list[Json], start: int, end: int | None) -> list[Json]:
    part = array[start:end]
    call.budget.make(len(part))
    return part


def _length(_call: Call, array: list[Json]) -> int:
    return len(array)


FUNCTIONS = (
    Function(
        "find", "array", _WITH_FUNCTION, Kind.ANY,
        "The first item for which the function is true; nothing if there is none.",
        ("fn.find(refs.db.status.ports, (port) => fn.eq(port.name, 'sql')).port", 5432), _find,
    ),
    Function(
        "concat", "array", (Parameter("array", Kind.ARRAY, many=True),), Kind.ARRAY,
        "The items of all arrays in one.",
        ("fn.concat(args.HOSTS, fn.split('c.example', ','))", ["a.example", "b.example", "c.example"]), _concat,
    ),
    Function(
        "some", "array", _WITH_FUNCTION, Kind.BOOLEAN,
        "True if the function is true for any item.",
        ("fn.some(args.HOSTS, (host) => fn.eq(host, 'b.example'))", True), _some,
    ),
    Function(
        "every", "array", _WITH_FUNCTION, Kind.BOOLEAN,
        "True if the function is true for all items.",
        ("fn.every(args.HOSTS, (host) => fn.gt(fn.length(host), 9))", False), _every,
    ),
    Function(
        "filter", "array", _WITH_FUNCTION, Kind.ARRAY,
        "The items for which the function is true.",
        ("fn.filter(args.HOSTS, (host, index) => fn.gt(index, 0))", ["b.example"]), _filter,
    ),
    Function(
        "map", "array", _WITH_FUNCTION, Kind.ARRAY,
        "What the function makes of each item.",
        ("fn.map(fn.split('A b,C', ','), (name) => fn.slug(name))", ["a-b", "c"]), _map,
    ),
    Function(
        "arrSlice", "array",
        (_ARRAY, Parameter("start", Kind.INTEGER), Parameter("end", Kind.INTEGER, optional=True)), Kind.ARRAY,
        "The items from start up to end, end not included; negative ones count from the end of the array.",
        ("fn.arrSlice(args.HOSTS, -1)", ["b.example"]), _slice,
    ),
    Function(
        "arrLength", "array", (_ARRAY,), Kind.INTEGER, "How many items the array has.",
        ("fn.arrLength(args.HOSTS)", 2), _length,
    ),
)  # fmt: skip
