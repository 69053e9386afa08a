"""JSON that strangers send."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ebbflow.domain.webhooks.delivery import Malformed


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
        raise Malformed("the body is nested too deep") from error
    except ValueError as error:
        raise Malformed("the body holds a number that JSON does not have") from error
    return value


def _no_number(_text: str) -> NoReturn:
    raise ValueError
