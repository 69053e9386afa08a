"""Functions over objects and JSON."""

from __future__ import annotations

import json
import math
import re

from ebbflow.domain.document.limits import MAX_INTEGER, MIN_INTEGER
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.functions.signature import Call, Function, Kind, Parameter
from ebbflow.domain.expression.values import UNDEFINED, json_text, result_number

_OBJECT = (Parameter("object", Kind.OBJECT),)
_STEP = re.compile(r"\[([0-9]{1,9})\]|\.?([^.\[\]]++)")
_UNFIT = re.compile("[\0\ud800-\udfff]")
_MAX_DEPTH = 64


def field_steps(path: str) -> tuple[str, ...]:
    """Return the steps of `a.b[0].c`."""
    return tuple(found[1] or found[2] for found in _STEP.finditer(path))


def field_of(call: Call, value: Json, step: str) -> Json:
    """Return a field of an object or an item of an array; UNDEFINED if it is not there."""
    value = call.open(value)
    call.budget.step()
    if isinstance(value, dict):
        return value.get(step, UNDEFINED)
    if isinstance(value, list) and len(step) < 10 and step.isdecimal() and int(step) < len(value):  # noqa: PLR2004
        return value[int(step)]
    return UNDEFINED


def _get(call: Call, value: Json, path: str) -> Json:
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in field_steps(path):
        value = field_of(call, value, step)
    return value


def _stringify(call: Call, value: Json) -> Json:
    if value is UNDEFINED:
        return UNDEFINED
    text = json_text(call.open_all(value), call.budget)
    call.budget.make(len(text))
    return text


class _NotJson(ValueError):
    """A number or constant that JSON cannot hold."""


def _no_constant(_name: str) -> Json:
    raise _NotJson


def _integer(digits: str) -> int | float:
    if (
        len(digits) <= len(str(MIN_INTEGER))
        and MIN_INTEGER <= (number := int(digits)) <= MAX_INTEGER
    ):
        return number
    return _float(digits)


def _float(digits: str) -> int | float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NotJson
    return result_number(number)


def _parse(call: Call, string: str) -> Json:
    call.budget.make(len(string))
    try:
        value: Json = json.loads(
            string, parse_constant=_no_constant, parse_int=_integer, parse_float=_float
        )
    except (ValueError, RecursionError):
        return ""
    return value if _is_sound(call, value, 0) else ""


def _is_sound(call: Call, value: Json, depth: int) -> bool:
    """Tell whether the value is not nested too deep and all its texts can be written."""
    call.budget.step()
    if isinstance(value, str):
        return (value.isascii() and "\0" not in value) or not _UNFIT.search(value)
    if isinstance(value, dict):
        return depth < _MAX_DEPTH and all(
            _is_sound(call, key, depth) and _is_sound(call, item, depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, list):
        return depth < _MAX_DEPTH and all(_is_sound(call, item, depth + 1) for item in value)
    return True


def _entries(call: Call, value: dict[str, Json]) -> list[Json]:
    call.budget.make(2 * len(value))
    return [[key, item] for key, item in value.items()]


def _values(call: Call, value: dict[str, Json]) -> list[Json]:
    call.budget.make(len(value))
    return list(value.values())


def _keys(call: Call, value: dict[str, Json]) -> list[Json]:
    call.budget.make(len(value))
    return list(value)


FUNCTIONS = (
    Function(
        "get", "object", (Parameter("object", Kind.COLLECTION), Parameter("field", Kind.STRING)), Kind.ANY,
        "What stands at a path of an object or array; nothing if there is no such field.",
        ("fn.get(refs.db, 'status.ports[0].port')", 5432), _get,
    ),
    Function(
        "stringifyJSON", "object", (Parameter("input", Kind.ANY),), Kind.STRING,
        "The value as compact JSON.",
        ("fn.stringifyJSON(refs.db.status.ports)", '[{"name":"sql","port":5432}]'), _stringify,
    ),
    Function(
        "parseJSON", "object", (Parameter("string", Kind.STRING),), Kind.ANY,
        "The value that JSON spells; `''` if it is not JSON.",
        ("fn.parseJSON('[1, 2]')", [1, 2]), _parse,
    ),
    Function(
        "entries", "object", _OBJECT, Kind.ARRAY, "For each key an array of the key and its value.",
        ("fn.entries(args.LABELS)", [["team", "shop"], ["tier", "web"]]), _entries,
    ),
    Function(
        "values", "object", _OBJECT, Kind.ARRAY, "The values of the object.",
        ("fn.values(args.LABELS)", ["shop", "web"]), _values,
    ),
    Function(
        "keys", "object", _OBJECT, Kind.ARRAY, "The keys of the object.",
        ("fn.keys(args.LABELS)", ["team", "tier"]), _keys,
    ),
)  # fmt: skip
