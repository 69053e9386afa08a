"""Durations are Go's, and no text that the pattern takes is too large for Go or Python."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ebbflow.api.base import (
    DURATION_MAX_LENGTH,
    DURATION_PATTERN,
    Duration,
    Interval,
    format_duration,
    parse_duration,
)

INT64_NANOSECONDS = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1m0.5s", 60.5),
        ("2µs", 2e-6),
        ("2us", 2e-6),
        ("1500ns", 1e-6),
        ("1ns", 0),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "+1s", "1d", "1 s", "1s\n", "9" * 40 + "s"])
def test_anything_else_is_refused_with_an_example(text: str):
    with pytest.raises(ValueError, match=r"must be a duration.*"):
        parse_duration(text)


@pytest.mark.parametrize("value", [5, 1.5, None, b"5s"])
def test_a_number_is_no_duration(value: object):
    with pytest.raises(ValueError, match="must be a duration: write it like"):
        parse_duration(value)


@given(
    st.from_regex(DURATION_PATTERN, fullmatch=True).filter(lambda t: len(t) <= DURATION_MAX_LENGTH)
)
def test_every_text_that_the_pattern_takes_fits_into_gos_int64(text: str):
    assert parse_duration(text) / timedelta(microseconds=1) * 1000 < INT64_NANOSECONDS


@given(st.integers(min_value=0, max_value=10**9))
def test_writing_and_reading_a_duration_changes_nothing(milliseconds: int):
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value


def test_an_interval_is_at_least_a_second_to_the_nanosecond():
    interval = TypeAdapter(Interval)
    assert interval.validate_python("1s") == timedelta(seconds=1)
    with pytest.raises(ValidationError, match="must be at least 1s"):
        interval.validate_python("0.999999999s")
    assert TypeAdapter(Duration).validate_python("1ms") == timedelta(milliseconds=1)
