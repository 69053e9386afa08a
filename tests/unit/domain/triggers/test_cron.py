"""Schedules: time zones, the days on which clocks change, and what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.triggers.cron import MAX_COUNTED, Due, Schedule

BERLIN = "Europe/Berlin"  # 2026: forward on 29 March, 01:00 UTC; back on 25 October, 01:00 UTC


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(fields: str, zone: str, after: str, count: int) -> list[str]:
    schedule, moment, found = Schedule.parse(fields, zone), at(after), []
    for _ in range(count):
        following = schedule.next_after(moment)
        assert following is not None
        found.append(following.strftime("%m-%d %H:%M"))
        moment = following
    return found


@pytest.mark.parametrize(
    ("fields", "zone", "after", "expected"),
    [
        pytest.param("0 3 * * *", None, "2026-11-21T03:00", ["11-22 03:00"], id="utc by itself"),
        pytest.param("0 3 * * *", BERLIN, "2026-07-01", ["07-01 01:00"], id="summer"),
        pytest.param("0 3 * * *", BERLIN, "2026-01-01", ["01-01 02:00"], id="winter"),
        pytest.param(
            "30 2 * * *",
            BERLIN,
            "2026-03-28T00:00",
            ["03-28 01:30", "03-29 01:00", "03-30 00:30"],
            id="a time that the clocks skip comes right after",
        ),
        pytest.param(
            "15,45 2 * * *",
            BERLIN,
            "2026-03-28T12:00",
            ["03-29 01:00", "03-30 00:15"],
            id="two times that are skipped come as one",
        ),
        pytest.param(
            "30 2 * * *",
            BERLIN,
            "2026-10-24T12:00",
            ["10-25 00:30", "10-26 01:30"],
            id="a time that comes twice counts the first time",
        ),
        pytest.param(
            "0 * * * *",
            BERLIN,
            "2026-03-29T00:00",
            ["03-29 01:00", "03-29 02:00"],
            id="each hour follows the time that passes, forward",
        ),
        pytest.param(
            "0 * * * *",
            BERLIN,
            "2026-10-24T23:30",
            ["10-25 00:00", "10-25 01:00", "10-25 02:00"],
            id="each hour follows the time that passes, back",
        ),
        pytest.param(
            "0 3 * * *",
            "Australia/Lord_Howe",
            "2026-04-03T17:00",
            ["04-04 16:30", "04-05 16:30"],
            id="half an hour of summer time",
        ),
        pytest.param("0 0 29 2 *", None, "2026-03-01", ["02-29 00:00"], id="a leap day"),
        pytest.param("0 0 L * *", None, "2026-02-01", ["02-28 00:00"], id="the last day"),
        pytest.param("0 0 * * 5#2", None, "2026-11-01", ["11-13 00:00"], id="the second friday"),
        pytest.param("0 0 13 * FRI", None, "2026-11-10", ["11-13 00:00"], id="day or weekday"),
    ],
)
def test_the_next_starts_are(fields: str, zone: str, after: str, expected: list[str]):
    assert starts(fields, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [
        pytest.param("2026-11-20T03:00", "2026-11-21T02:59", None, id="not yet"),
        pytest.param("2026-11-20T03:00", "2026-11-21T03:00", ("2026-11-21T03:00", 0), id="now"),
        pytest.param("2026-11-20T03:00", "2026-11-21T09:00", ("2026-11-21T03:00", 0), id="late"),
        pytest.param("2026-11-10T03:00", "2026-11-21T09:00", ("2026-11-21T03:00", 10), id="missed"),
        pytest.param("2026-11-21T09:00", "2026-11-21T04:00", None, id="the clock was put back"),
        pytest.param("2020-01-01", "2026-11-21T09:00", ("2026-11-21T03:00", MAX_COUNTED), id="years"),
    ],
)  # fmt: skip
def test_after_downtime_the_newest_alone_is_due(
    since: str, now: str, expected: tuple[str, int] | None
):
    due = Schedule.parse("0 3 * * *", None).due(at(since), at(now))
    assert due == (None if expected is None else Due(at(expected[0]), expected[1]))


@pytest.mark.parametrize(
    ("fields", "forward", "back"),
    [
        pytest.param("30 2 * * *", 1, 1, id="a time"),
        pytest.param("*/20 * * * *", 71, 71, id="minutes"),
        pytest.param("*/20 2 * * *", 0, 6, id="minutes of the hour"),
        pytest.param("5 */6 * * *", 4, 4, id="hours"),
    ],
)
def test_around_a_change_of_the_clocks_each_start_is_due_once(fields: str, forward: int, back: int):
    schedule = Schedule.parse(fields, BERLIN)
    for day, count in (("2026-03-28T20:00", forward), ("2026-10-24T20:00", back)):
        since, seen = at(day), []
        for minutes in range(0, 24 * 60, 7):
            due = schedule.due(since, at(day) + timedelta(minutes=minutes))
            if due is not None:
                seen.append(due.tick)
                since = due.tick
        assert seen == sorted(set(seen))
        assert len(seen) == count


_FIELDS = st.sampled_from(
    ["30 2 * * *", "*/20 * * * *", "0 */5 * * *", "15 1,2,3 * * *", "0 0 1 * *", "* 2 * * SUN"]
)
_ZONES = st.sampled_from([None, BERLIN, "America/New_York", "Australia/Lord_Howe"])
_MOMENTS = st.integers(0, 365 * 86_400).map(lambda n: at("2026-01-01") + timedelta(seconds=n))


@given(_FIELDS, _ZONES, _MOMENTS, st.timedeltas(timedelta(), timedelta(days=3)))
def test_what_is_due_is_what_one_counts_by_hand(
    fields: str, zone: str | None, since: datetime, span: timedelta
):
    schedule, now = Schedule.parse(fields, zone), since + span
    ticks, moment = [], since
    while (moment := schedule.next_after(moment) or now + span) <= now and moment > since:
        ticks.append(moment)
    due = schedule.due(since, now)
    expected = Due(ticks[-1], min(len(ticks) - 1, MAX_COUNTED)) if ticks else None
    assert due == expected


def test_jitter_delays_by_a_share_that_stays():
    plain = Schedule.parse("0 3 * * *", None)
    late = Schedule.parse("0 3 * * *", None, timedelta(minutes=10), "uid-1")
    other = Schedule.parse("0 3 * * *", None, timedelta(minutes=10), "uid-2")
    moment = at("2026-11-21T00:00")
    first, delayed = plain.next_after(moment), late.next_after(moment)
    assert first is not None
    assert delayed is not None
    assert timedelta() < delayed - first < timedelta(minutes=10)
    assert late == Schedule.parse("0 3 * * *", None, timedelta(minutes=10), "uid-1")
    assert late.delay != other.delay
    assert late.due(moment, delayed - timedelta(microseconds=1)) is None
    assert late.due(moment, delayed) == Due(first, 0)


def test_without_jitter_nothing_is_delayed():
    assert Schedule.parse("0 3 * * *", None, None, "uid-1").delay == timedelta()


@pytest.mark.parametrize(
    ("fields", "zone", "says"),
    [
        pytest.param("60 3 * * *", None, "the minute is none; it takes 0 to 59", id="minute"),
        pytest.param("0 24 * * *", None, "the hour", id="hour"),
        pytest.param("0 3 32 * *", None, "the day-of-month", id="day"),
        pytest.param("0 0 31 2 *", None, "the day-of-month", id="a day that never comes"),
        pytest.param("0 3 * 13 *", None, "the month", id="month"),
        pytest.param("0 3 * * 8", None, "the day-of-week is none; it takes 0 to 7", id="weekday"),
        pytest.param("0 3 * *", None, "five", id="four fields"),
        pytest.param("*/0 3 * * *", None, "the minute", id="step of nothing"),
        pytest.param("5-1 3 * * *", None, "the minute", id="range turned round"),
        pytest.param("0 3 * * *", "Mars/Olympus", "spec.timeZone 'Mars/Olympus'", id="zone"),
        pytest.param("0 3 * * *", "localtime", "spec.timeZone 'localtime'", id="the machine's"),
        pytest.param("0 3 * * *", "../etc/passwd", "spec.timeZone", id="a path"),
        pytest.param("0 3 * * *", "Europe", "spec.timeZone", id="a directory"),
    ],
)
def test_what_cannot_be_read_is_named(fields: str, zone: str | None, says: str):
    with pytest.raises(ValueError, match=says):
        Schedule.parse(fields, zone)


def test_years_of_minutes_take_no_time():
    # The work is in halving: a count of every minute would take seconds.
    due = Schedule.parse("* * * * *", BERLIN).due(at("2016-01-01"), at("2026-11-21T09:00:30"))
    assert due == Due(at("2026-11-21T09:00"), MAX_COUNTED)
