"""How long a node may take and how often it is tried, read from what the document says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ebbflow.api.base import parse_duration
from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.parser import BEGIN
from ebbflow.domain.runs.tree import Envelope, Loop, Node

MAX_ATTEMPTS: Final = 20
MAX_DELAY: Final = timedelta(hours=1)
MAX_TIMEOUT: Final = timedelta(days=30)
DEFAULT_DELAY: Final = timedelta(seconds=10)
MAX_ITERATIONS: Final = 100_000
MAX_PARALLELISM: Final = 100

_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Invalid:
    """A value that the document gives cannot be used. The node fails with this message."""

    message: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The node is not to run; `message` says why."""

    message: str


@dataclass(frozen=True, slots=True)
class Settings:
    """`timeout`: of one attempt. `attempts`: at most, the first counted. `exponential`: each delay
    is twice the one before, up to an hour.
    """

    timeout: timedelta | None = None
    attempts: int = 1
    delay: timedelta = DEFAULT_DELAY
    exponential: bool = False

    def delay_after(self, attempt: int) -> timedelta:
        """Return how long to wait after a failed attempt, counted from 1."""
        if not self.exponential:
            return self.delay
        doublings: int = 1 << min(attempt - 1, MAX_ATTEMPTS)
        return min(MAX_DELAY, self.delay * doublings)


@dataclass(frozen=True, slots=True)
class Iterations:
    """How many iterations a loop has, and how many of them may be under way at once."""

    count: int
    parallelism: int


Resolve = Callable[[Json], Json]
"""Return a value of the document with its expressions evaluated; raises ValueError."""


def read_settings(envelope: Envelope, resolve: Resolve) -> Settings | Invalid:
    """Read a node's timeout and retries; a text may spell its number."""
    try:
        return _settings(envelope, resolve)
    except ValueError as error:
        return Invalid(str(error))


def read_iterations(loop: Loop, items: Json, resolve: Resolve) -> Iterations | Invalid:
    """Read how a loop goes. `items`: its `iterations`, evaluated."""
    if not isinstance(items, list):
        return Invalid(f"iterations must be an array, not {shown(items)}")
    if len(items) > MAX_ITERATIONS:
        return Invalid(f"iterations has {len(items)} items; a loop may have {MAX_ITERATIONS}")
    try:
        wished = _whole("parallelism", resolve(loop.parallelism), MAX_PARALLELISM)
    except ValueError as error:
        return Invalid(str(error))
    return Iterations(len(items), wished)


class _Undecided(Exception):
    """Only evaluating can tell."""


def settings_fault(node: Node) -> Invalid | None:
    """Return what is wrong with the settings of a node as they are written, before anything runs;
    what holds an expression is judged when the node begins.
    """

    def literal(value: Json) -> Json:
        if isinstance(value, str) and BEGIN in value:
            raise _Undecided
        return value

    try:
        found: object = read_settings(node.envelope, literal)
        if isinstance(node, Loop) and not isinstance(found, Invalid):
            found = read_iterations(node, literal(node.iterations), literal)
    except _Undecided:
        return None
    return found if isinstance(found, Invalid) else None


def _settings(envelope: Envelope, resolve: Resolve) -> Settings:
    backoff = envelope.backoff or {}
    kind: Json = resolve(backoff.get("type", "fixed"))
    if kind not in ("fixed", "exponential"):
        raise ValueError(f"settings.backoff.type must be fixed or exponential, not {shown(kind)}")
    delay = _time("settings.backoff.delay", resolve(backoff.get("delay")), MAX_DELAY)
    return Settings(
        timeout=_time("timeout", resolve(envelope.timeout), MAX_TIMEOUT),
        attempts=_whole("settings.maxAttempts", resolve(envelope.max_attempts), MAX_ATTEMPTS),
        delay=DEFAULT_DELAY if delay is None else delay,
        exponential=kind == "exponential",
    )


def _whole(name: str, value: Json, most: int) -> int:
    if value is None:
        return 1
    number = _number(value)
    if number is None or not number.is_integer() or not 1 <= number <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}, not {shown(value)}")
    return int(number)


def _time(name: str, value: Json, most: timedelta) -> timedelta | None:
    """Read seconds, or a duration such as 10m."""
    if value is None:
        return None
    seconds = _number(value)
    try:
        length = parse_duration(value) if seconds is None else timedelta(seconds=seconds)
    except ValueError:
        raise ValueError(
            f"{name} must be seconds or a duration such as 10m, not {shown(value)}"
        ) from None
    if not timedelta() <= length <= most:
        raise ValueError(f"{name} may be at most {most.total_seconds():.0f} seconds")
    return length


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return float(value) if _NUMBER.fullmatch(str(value)) else None
