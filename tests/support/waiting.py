"""Waiting for a condition instead of sleeping: the one poll loop of the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25


def eventually(check: Callable[[], T], timeout: float, what: str) -> T:
    """Call `check` until it returns something true, and return that.

    An AssertionError inside `check` counts as "not yet"; any other exception is a bug and comes out
    at once. `timeout` is in seconds. `what` completes the sentence "waited for ...". After the
    deadline an AssertionError says what was waited for and what was seen last.
    """
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE
    while True:
        try:
            seen = check()
            last: object = seen
            if seen:
                return seen
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; seen last: {last!r}")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
