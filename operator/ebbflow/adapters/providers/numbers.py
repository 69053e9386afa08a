"""Numbers in headers of rate limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ebbflow.domain.providers import Allowance


def epoch_allowance(remaining: str | None, reset: str | None) -> Allowance | None:
    """Read how many requests are left, and when (in seconds since 1970) that is renewed.

    None where the first is no number; what cannot be read of the second is left out.
    """
    left = _number(remaining)
    if left is None:
        return None
    seconds = _number(reset)
    return Allowance(left, None if seconds is None else datetime.fromtimestamp(seconds, UTC))


def _number(text: str | None) -> int | None:
    # Eleven digits of seconds reach the year 5138, which datetime still knows.
    digits = (text or "").strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,11}", digits) else None
