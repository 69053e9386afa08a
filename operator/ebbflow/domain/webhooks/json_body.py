"""The JSON that strangers send as a body: what it says it is, and what may be made of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from ebbflow.domain.webhooks.delivery import Delivery, Malformed, Unsupported

MAX_DEPTH: Final = 64
"""How deep objects and arrays may lie in each other: as in documents, which may read the body."""

_JSON: Final = "application/json"


def json_of(delivery: Delivery) -> Any:
    """Return the JSON that a request holds. Raises Unsupported and Malformed.

    A body whose sender names no type is taken for what it is (RFC 9110, 8.3).
    """
    coding = delivery.headers.get("content-encoding", "identity")
    if coding.strip().lower() not in ("", "identity"):
        raise Unsupported("send the body as it is, without Content-Encoding")
    named = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    if named not in ("", _JSON):
        raise Unsupported(f"send JSON, with Content-Type: {_JSON}")
    return read_json(delivery.body)


def read_json(body: bytes) -> Any:
    """Read a body as JSON by RFC 8259: UTF-8, and no NaN. Raises Malformed.

    What cannot be written again is refused too: half a surrogate pair, or a number like 1e999.
    """
    try:
        value = json.loads(body.decode(), parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        raise Malformed(
            f"the body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except UnicodeError as error:
        raise Malformed("the body is no text in UTF-8") from error
    except RecursionError as error:
        raise Malformed(_TOO_DEEP) from error
    except ValueError as error:
        raise Malformed("the body holds a number that JSON does not have") from error
    if _is_deeper(value, MAX_DEPTH):
        raise Malformed(_TOO_DEEP)
    return value


_TOO_DEEP: Final = f"the body is nested too deep: {MAX_DEPTH} levels are the most"


def _no_number(_text: str) -> NoReturn:
    raise ValueError


def _is_deeper(value: Any, most: int) -> bool:
    """Tell whether more than so many objects and arrays lie in each other."""
    level = _containers([value])
    for _ in range(most):
        level = _containers(held for one in level for held in one)
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Iterable[Any]]:
    """Return what the objects and arrays among the values hold."""
    found: list[Iterable[Any]] = []
    for value in values:
        if isinstance(value, dict):
            found.append(value.values())
        elif isinstance(value, list):
            found.append(value)
    return found
