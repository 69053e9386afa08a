"""Regular expressions that take linear time, written as in JavaScript.

RE2 never backtracks; what it cannot do in linear time (lookaround, backreferences) it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import re2

from ebbflow.domain.expression.errors import ExpressionError
from ebbflow.domain.expression.limits import Budget

MAX_PATTERN = 1000
"""Characters of a pattern."""

_MEMORY = 1 << 20  # bytes a compiled pattern with its caches may take
_START_COST = 64  # what a search costs even on nothing, in bytes read
_FLAGS = {"i": "i", "m": "m", "s": "s", "g": "", "u": ""}
_UNICODE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|(.))", re.DOTALL)


class _Found(Protocol):
    def span(self, group: int = 0) -> tuple[int, int]: ...


class _Compiled(Protocol):
    """The part of re2's pattern that is used here."""

    groups: int
    programsize: int
    groupindex: dict[bytes, int]

    def search(self, text: bytes, pos: int = 0) -> _Found | None: ...


@dataclass(frozen=True, slots=True)
class Match:
    """One match: the text found, the groups (None: took no part), and where it stands."""

    start: int
    end: int
    text: str
    groups: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A compiled pattern. `everywhere` is the flag g."""

    compiled: _Compiled
    everywhere: bool
    names: dict[str, int]

    def matches(self, text: str, budget: Budget) -> Iterator[Match]:
        """Return the matches from left to right, those that are empty too.

        Raises ExpressionError when the budget for matching is spent.
        """
        data = text.encode(errors="replace")
        place = _Place(data)
        offset = 0
        while offset <= len(data):
            budget.match((len(data) - offset + _START_COST) * self.compiled.programsize)
            found = self.compiled.search(data, offset)
            if found is None:
                return
            start, end = found.span()
            first, last = place.of(start), place.of(end)
            yield Match(first, last, text[first:last], self._groups(found, data))
            offset = end if end > start else _after(data, end)

    def _groups(self, found: _Found, data: bytes) -> tuple[str | None, ...]:
        spans = (found.span(number) for number in range(1, self.compiled.groups + 1))
        return tuple(None if start < 0 else data[start:end].decode() for start, end in spans)


class _Place:
    """Counts characters up to growing byte offsets."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bytes = 0
        self._characters = 0

    def of(self, offset: int) -> int:
        self._characters += len(self._data[self._bytes : offset].decode())
        self._bytes = offset
        return self._characters


def _after(data: bytes, offset: int) -> int:
    """Return the offset of the next character, so that an empty match is not found again."""
    offset += 1
    while offset < len(data) and data[offset] & 0xC0 == 0x80:  # noqa: PLR2004  bytes within UTF-8
        offset += 1
    return offset


@lru_cache(maxsize=256)
def compile_pattern(pattern: str, flags: str) -> Pattern:
    """Compile `/pattern/flags`. Raises ExpressionError with what is wrong, without an offset."""
    if len(pattern) > MAX_PATTERN:
        raise ExpressionError(
            f"a regular expression has at most {MAX_PATTERN} characters", limit="pattern"
        )
    unknown = set(flags) - set(_FLAGS)
    if unknown or len(set(flags)) != len(flags):
        raise ExpressionError("the flags of a regular expression are g, i, m, s and u, each once")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    letters = "".join(_FLAGS[flag] for flag in flags)
    written = (f"(?{letters})" if letters else "") + _UNICODE.sub(_as_re2, pattern)
    try:
        compiled: _Compiled = re2.compile(written.encode(), options)
    except re2.error as error:
        raise ExpressionError(_refusal(error)) from None
    except UnicodeEncodeError:
        raise ExpressionError("a regular expression holds half of a surrogate pair") from None
    names = {name.decode(): number for name, number in compiled.groupindex.items()}
    return Pattern(compiled, "g" in flags, names)


def _as_re2(found: re.Match[str]) -> str:
    r"""Write JavaScript's \uXXXX as RE2's \x{XXXX}; every other escape stays."""
    code = found[1] or found[2]
    return f"\\x{{{code}}}" if code else found[0]


def _refusal(error: re2.error) -> str:
    reason = error.args[0] if error.args else ""
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    if text.startswith(("invalid perl operator", "invalid escape sequence")):
        text += "; lookaround and backreferences are not supported, since they can take forever"
    return f"not a regular expression: {text}"


_REPLACEMENT = re.compile(r"\$(?:[$&`']|(?P<number>[0-9]{1,2})|<(?P<name>[^>]*+)>)")


def expand(
    replacement: str, found: Match, subject: str, names: dict[str, int], budget: Budget
) -> str:
    """Fill in JavaScript's `$1`, `$<name>`, `$&`, `$$`, `` $` `` and `$'`; other `$` stay.

    The budget pays for every piece before the next one is made.
    """
    budget.make(len(replacement))
    if "$" not in replacement:
        return replacement

    def paid(mark: re.Match[str]) -> str:
        piece = _filled(mark, found, subject, names)
        budget.make(len(piece))
        return piece

    return _REPLACEMENT.sub(paid, replacement)


def _filled(mark: re.Match[str], found: Match, subject: str, names: dict[str, int]) -> str:
    if mark["number"]:
        return _numbered(mark["number"], found.groups)
    if mark["name"] is not None:
        number = names.get(mark["name"])
        return (found.groups[number - 1] or "") if number else mark[0] * (not names)
    match mark[0]:
        case "$&":
            return found.text
        case "$`":
            return subject[: found.start]
        case "$'":
            return subject[found.end :]
        case _:
            return "$"


def _numbered(digits: str, groups: tuple[str | None, ...]) -> str:
    """Return the group of one or two digits; JavaScript reads $10 as $1 and 0 below ten groups."""
    for length in (len(digits), 1):
        number = int(digits[:length])
        if 1 <= number <= len(groups):
            return (groups[number - 1] or "") + digits[length:]
    return "$" + digits
