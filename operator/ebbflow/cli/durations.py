"""Durations on the command line: Go's, as everywhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from typing_extensions import override

from ebbflow.api.base import parse_duration


class DurationType(click.ParamType[Any]):
    """A Go duration, at least `least`."""

    name = "duration"

    def __init__(self, least: str = "1s") -> None:
        self._least = least

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            duration = parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        if duration < parse_duration(self._least):
            self.fail(f"{value!r} must be at least {self._least}", param, ctx)
        return duration
