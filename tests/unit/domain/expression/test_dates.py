"""Dates in the formats of Moment.js."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ebbflow.domain.expression.functions.moment import format_time, iso

NOW = datetime(2025, 2, 3, 0, 5, 9, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("YYYYMMDD", "20250203"),
        ("YY-M-D H:m:s", "25-2-3 0:5:9"),
        ("dddd, MMMM Do YYYY, h:mm:ss a", "Monday, February 3rd 2025, 12:05:09 am"),
        ("ddd dd d e E", "Mon Mo 1 1 1"),
        ("MMM MM Mo Q Qo", "Feb 02 2nd 1 1st"),
        ("DDD DDDD DDDo", "34 034 34th"),
        ("HH hh kk k A", "00 12 24 24 AM"),
        ("S SS SSS SSSSSS", "1 12 123 123456"),
        ("Z ZZ", "+00:00 +0000"),
        ("X x", "1738541109 1738541109123"),
        ("w ww W WW gggg GGGG", "6 06 6 06 2025 2025"),
        ("[at] YYYY [YYYY]", "at 2025 YYYY"),
        ("LT LTS", "12:05 AM 12:05:09 AM"),
        ("L l", "02/03/2025 2/3/2025"),
        ("LL", "February 3, 2025"),
        ("llll", "Mon, Feb 3, 2025 12:05 AM"),
        ("", ""),
    ],
)
def test_a_time_is_written_as_its_format_says(form: str, expected: str) -> None:
    assert format_time(NOW, form) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (datetime(2024, 12, 28, tzinfo=UTC), "52 2024 52 2024"),
        (datetime(2024, 12, 29, tzinfo=UTC), "1 2025 52 2024"),
        (datetime(2024, 12, 30, tzinfo=UTC), "1 2025 1 2025"),
        (datetime(2022, 12, 31, tzinfo=UTC), "53 2022 52 2022"),
        (datetime(2023, 1, 1, tzinfo=UTC), "1 2023 52 2022"),
    ],
    ids=lambda value: value.date().isoformat() if isinstance(value, datetime) else "",
)
def test_weeks_at_the_turn_of_the_year(day: datetime, expected: str) -> None:
    """2022 ends on a Saturday, so its last week is whole and the next one begins the year."""
    assert format_time(day, "w gggg W GGGG") == expected


def test_times_of_other_zones_are_written_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    assert iso(there) == "2025-02-03T00:05:09.123Z"


@pytest.mark.parametrize(("day", "ordinal"), [(1, "1st"), (2, "2nd"), (11, "11th"), (12, "12th"), (13, "13th"), (22, "22nd"), (23, "23rd"), (30, "30th")])  # fmt: skip
def test_days_are_counted_in_english(day: int, ordinal: str) -> None:
    assert format_time(datetime(2025, 1, day, tzinfo=UTC), "Do") == ordinal
