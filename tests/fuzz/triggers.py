"""Targets: what is in a trigger's rules, and what they look at."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from ebbflow.api.gittrigger import PathRules
from ebbflow.domain.triggers.cron import Schedule
from ebbflow.domain.triggers.paths import check_patterns, met
from ebbflow.domain.triggers.patterns import matches
from tests.fuzz.target import Target, lines_of

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def glob(data: bytes) -> None:
    """A glob means what the expression of the same meaning means. Input: glob, name."""
    pattern, name = lines_of(data, 2)
    if pattern.count("*") > 4:
        matches(pattern, name)  # the other one would take forever
        return
    same = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    assert matches(pattern, name) == (same.fullmatch(name) is not None)


def gitignore(data: bytes) -> None:
    """Patterns that are taken tell of every path. Input: a path, then patterns by line."""
    path, *patterns = lines_of(data, 8)
    given = tuple(pattern for pattern in patterns if pattern)
    with suppress(ValueError):
        check_patterns(given)
        ignore, allow = (
            PathRules.model_construct(mode=m, patterns=given) for m in ("Ignore", "Allow")
        )
        assert met(ignore, (path,)) != met(allow, (path,))


def cron(data: bytes) -> None:
    """The next time of a schedule lies ahead. Input: fields, time zone."""
    fields, zone = lines_of(data, 2)
    with suppress(ValueError):
        schedule = Schedule.parse(fields, zone or None)
        following = schedule.next_after(NOW)
        assert following is None or following > NOW
        due = schedule.due(NOW - timedelta(days=2), NOW)
        assert due is None or NOW - timedelta(days=2) < due.tick <= NOW


TARGETS = (
    Target("glob", glob, max_bytes=256),
    Target("gitignore", gitignore, max_bytes=512),
    Target("cron", cron, max_bytes=128),
)
