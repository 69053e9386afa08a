"""JSON in annotations, which anybody may have written."""

from __future__ import annotations

import json
from typing import Any


def read_foreign(text: str | None, limit: int) -> Any:
    """Return the value of a text; None if there is none, or what is there is not to be read.

    A text of more than `limit` characters is not looked at.
    """
    if text is None or len(text) > limit:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
