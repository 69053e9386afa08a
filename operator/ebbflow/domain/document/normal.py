"""What a document is after the API server stored it, so that equal documents are equal values.

The API server keeps a JSON number as an integer of 64 bits if it is written as one, else as a
64-bit float, and writes floats as Go's encoding/json does. So `1.0` comes back as `1`, `1e3` as
`1000`, `-0.0` as `0`; `1e19` stays a float although it comes back without a point.
"""

from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal

from ebbflow.domain.document.invalid import InvalidDocument
from ebbflow.domain.document.limits import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER
from ebbflow.domain.document.path import Step, path_of
from ebbflow.domain.document.syntax import Json

_PLAIN_BELOW = 1e21  # from here on Go writes an exponent, which is never read as an integer


def normalise(value: Json) -> Json:
    """Return the value as the API server gives it back; `value` itself is left as it is.

    Raises InvalidDocument, with the field path, for what JSON cannot say (NaN, infinities, keys
    that are no strings, other types) and for what is nested deeper than 64 levels.
    """
    try:
        return _normal(value, 0)
    except _Unfit as error:
        raise InvalidDocument(str(error), path=path_of(reversed(error.steps))) from None


class _Unfit(ValueError):
    """Collects the steps on its way up, so that the paths of sound values are never built."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.steps: list[Step] = []


def _normal(value: Json, depth: int) -> Json:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _float(value)
    if depth >= MAX_DEPTH and isinstance(value, dict | list | tuple):
        raise _Unfit(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return _normal_object(value, depth)
    if isinstance(value, list | tuple):
        return _normal_array(value, depth)
    raise _Unfit(f"{type(value).__name__} is no JSON value")


def _normal_object(value: dict[object, Json], depth: int) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _Unfit("a key must be a string")
        try:
            result[key] = _normal(item, depth + 1)
        except _Unfit as error:
            error.steps.append(key)
            raise
    return result


def _normal_array(value: list[Json] | tuple[Json, ...], depth: int) -> list[Json]:
    result: list[Json] = []
    for index, item in enumerate(value):
        try:
            result.append(_normal(item, depth + 1))
        except _Unfit as error:
            error.steps.append(index)
            raise
    return result


def _integer(value: int) -> int | float:
    if MIN_INTEGER <= value <= MAX_INTEGER:
        return value
    try:
        return float(value)  # the API server's reader falls back to a float
    except OverflowError:
        raise _Unfit("the number is too large") from None


def _float(value: float) -> int | float:
    if not math.isfinite(value):
        raise _Unfit("JSON has no NaN and no infinity")
    if not value.is_integer() or abs(value) >= _PLAIN_BELOW:
        return value
    # Go writes the shortest digits that give the float and fills up with zeros; it is that
    # text that is read as an integer the next time, not the float's exact value.
    integer = int(Decimal(repr(value)))
    return integer if MIN_INTEGER <= integer <= MAX_INTEGER else value


def same(a: Json, b: Json) -> bool:
    """Tell whether two values are equal once the API server stored them."""
    return identical(normalise(a), normalise(b))


def identical(a: Json, b: Json) -> bool:
    """Tell whether two normalised values are equal (Python alone takes 1 and True for equal)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            key in b and identical(item, b[key]) for key, item in a.items()
        )
    if isinstance(a, list):
        return len(a) == len(b) and all(map(identical, a, b))
    return bool(a == b)


def document_hash(value: Json) -> str:
    """Return the SHA-256, in hexadecimal digits, of the normalised value with its keys sorted."""
    return hashlib.sha256(canonical(normalise(value)).encode()).hexdigest()


def canonical(value: Json) -> str:
    """Write a normalised value as compact JSON with sorted keys, in ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def differences(a: Json, b: Json, steps: tuple[Step, ...] = ()) -> list[tuple[Step, ...]]:
    """Return where two normalised values differ: the deepest places that hold the difference."""
    if isinstance(a, dict) and isinstance(b, dict):
        found = [(*steps, key) for key in (*a, *b) if (key in a) != (key in b)]
        return found + [
            place for key in a if key in b for place in differences(a[key], b[key], (*steps, key))
        ]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [
            place
            for index, (one, other) in enumerate(zip(a, b, strict=True))
            for place in differences(one, other, (*steps, index))
        ]
    return [] if identical(a, b) else [steps]
