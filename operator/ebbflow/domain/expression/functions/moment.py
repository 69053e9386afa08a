"""Times written in the formats of Moment.js, in UTC and English.

The tokens are those of https://momentjs.com/docs/#/displaying/format/; text in [brackets] stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

_TOKEN = re.compile(
    r"\[([^\]]*+)\]|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[ow]?|W[oW]?|Qo?|YYYYYY|YYYYY|YYYY|YY|Y"
    r"|gggg|gg|GGGG|GG|e|E|a|A|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?|LTS|LT|LL?L?L?|ll?l?l?"
)
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LONG = {
    "LTS": "h:mm:ss A",
    "LT": "h:mm A",
    "L": "MM/DD/YYYY",
    "LL": "MMMM D, YYYY",
    "LLL": "MMMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "l": "M/D/YYYY",
    "ll": "MMM D, YYYY",
    "lll": "MMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A",
}


def iso(now: datetime) -> str:
    """Return the time as `2025-05-14T22:00:00.000Z`."""
    return format_time(now, "YYYY-MM-DD[T]HH:mm:ss.SSS[Z]")


def format_time(now: datetime, form: str) -> str:
    """Write the time in a format of Moment.js."""
    utc = now.astimezone(UTC)

    def token(found: re.Match[str]) -> str:
        name = found[0]
        if name.startswith("["):
            return found[1]
        if name in _LONG:
            return format_time(utc, _LONG[name])
        if name.startswith("S"):
            return f"{utc.microsecond * 1000:09d}"[: len(name)]
        return _TOKENS[name](utc)

    return _TOKEN.sub(token, form)


def _ordinal(number: int) -> str:
    teen = 10 < number % 100 < 20  # noqa: PLR2004  11th to 19th
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _day(now: datetime) -> int:
    """The day of the week, Sunday is 0."""
    return now.isoweekday() % 7


def _year_day(now: datetime) -> int:
    return now.timetuple().tm_yday


def _hour12(now: datetime) -> int:
    return now.hour % 12 or 12


def _week(now: datetime) -> tuple[int, int]:
    """Year and week as in the United States: weeks begin on Sunday, the first holds January 1."""
    first = _day(now.replace(month=1, day=1))
    week = (_year_day(now) - 1 + first) // 7 + 1
    days = _year_day(now.replace(month=12, day=31))
    last = (_day(now.replace(month=12, day=31)) + 1) % 7  # days of the next year's first week
    if last and _year_day(now) > days - last:
        return now.year + 1, 1
    return now.year, week


def _week_year(now: datetime) -> int:
    return _week(now)[0]


def _iso_year(now: datetime) -> int:
    return now.isocalendar().year


def _iso_week(now: datetime) -> int:
    return now.isocalendar().week


def _quarter(now: datetime) -> int:
    return (now.month + 2) // 3


_TOKENS: dict[str, Callable[[datetime], str]] = {
    "M": lambda now: str(now.month),
    "Mo": lambda now: _ordinal(now.month),
    "MM": lambda now: f"{now.month:02d}",
    "MMM": lambda now: _MONTHS[now.month - 1][:3],
    "MMMM": lambda now: _MONTHS[now.month - 1],
    "Q": lambda now: str(_quarter(now)),
    "Qo": lambda now: _ordinal(_quarter(now)),
    "D": lambda now: str(now.day),
    "Do": lambda now: _ordinal(now.day),
    "DD": lambda now: f"{now.day:02d}",
    "DDD": lambda now: str(_year_day(now)),
    "DDDo": lambda now: _ordinal(_year_day(now)),
    "DDDD": lambda now: f"{_year_day(now):03d}",
    "d": lambda now: str(_day(now)),
    "do": lambda now: _ordinal(_day(now)),
    "dd": lambda now: _DAYS[_day(now)][:2],
    "ddd": lambda now: _DAYS[_day(now)][:3],
    "dddd": lambda now: _DAYS[_day(now)],
    "e": lambda now: str(_day(now)),
    "E": lambda now: str(now.isoweekday()),
    "w": lambda now: str(_week(now)[1]),
    "wo": lambda now: _ordinal(_week(now)[1]),
    "ww": lambda now: f"{_week(now)[1]:02d}",
    "W": lambda now: str(_iso_week(now)),
    "Wo": lambda now: _ordinal(_iso_week(now)),
    "WW": lambda now: f"{_iso_week(now):02d}",
    "YY": lambda now: f"{now.year % 100:02d}",
    "YYYY": lambda now: f"{now.year:04d}",
    "YYYYY": lambda now: f"{now.year:05d}",
    "YYYYYY": lambda now: f"+{now.year:06d}",
    "Y": lambda now: str(now.year),
    "gg": lambda now: f"{_week_year(now) % 100:02d}",
    "gggg": lambda now: f"{_week_year(now):04d}",
    "GG": lambda now: f"{_iso_year(now) % 100:02d}",
    "GGGG": lambda now: f"{_iso_year(now):04d}",
    "A": lambda now: "AM" if now.hour < 12 else "PM",  # noqa: PLR2004  noon
    "a": lambda now: "am" if now.hour < 12 else "pm",  # noqa: PLR2004  noon
    "H": lambda now: str(now.hour),
    "HH": lambda now: f"{now.hour:02d}",
    "h": lambda now: str(_hour12(now)),
    "hh": lambda now: f"{_hour12(now):02d}",
    "k": lambda now: str(now.hour or 24),
    "kk": lambda now: f"{now.hour or 24:02d}",
    "m": lambda now: str(now.minute),
    "mm": lambda now: f"{now.minute:02d}",
    "s": lambda now: str(now.second),
    "ss": lambda now: f"{now.second:02d}",
    "Z": lambda _now: "+00:00",
    "ZZ": lambda _now: "+0000",
    "z": lambda _now: "UTC",
    "zz": lambda _now: "UTC",
    "X": lambda now: str(int(now.timestamp())),
    "x": lambda now: str(int(now.timestamp() * 1000)),
}
