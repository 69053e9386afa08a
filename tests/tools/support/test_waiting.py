"""Waiting ends with what was waited for, or says what was seen last."""

from __future__ import annotations

import pytest

from tests.support.waiting import eventually, soon


def test_what_is_true_at_last_is_returned() -> None:
    seen = iter([0, 0, 7])
    assert eventually(lambda: next(seen), 5, "a number") == 7


async def test_a_check_that_is_awaited_may_say_not_yet_by_an_assertion() -> None:
    seen = iter([0, 1, 7])

    async def look() -> int:
        number = next(seen)
        assert number > 1, "too small"
        return number

    assert await soon(look, 5, "a number") == 7


async def test_a_check_may_be_a_plain_one() -> None:
    seen = iter([0, 7])
    assert await soon(lambda: next(seen), 5, "a number") == 7


def test_in_vain_it_says_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match="waited 0 s for a number; seen last: 0"):
        eventually(lambda: 0, 0, "a number")


async def test_any_other_error_comes_out_at_once() -> None:
    async def look() -> int:
        raise KeyError("shop")

    with pytest.raises(KeyError):
        await soon(look, 5, "a number")
