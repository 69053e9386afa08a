"""The words of an expression: names, strings, numbers and regular expressions, read in place."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.limits import MAX_INTEGER, MIN_INTEGER
from ebbflow.domain.expression.errors import ExpressionError
from ebbflow.domain.expression.limits import MAX_LENGTH

_SPACE = re.compile(r"[ \t\r\n]*+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+")
_STEP = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$-]*+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][-+]?[0-9]++)?(?![\w.])")
_STRING = re.compile(r"'[^'\\]*+(?:\\.[^'\\]*+)*+'|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"", re.DOTALL)
_REGEX = re.compile(
    r"/((?:[^/\\\[\r\n]|\\[^\r\n]|\[(?:[^\]\\\r\n]|\\[^\r\n])*+\])++)/([A-Za-z]*+)", re.DOTALL
)
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL
)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
_ITSELF = frozenset("\\'\"/`$")
_UNFIT = re.compile("[\0\ud800-\udfff]")
_LONGEST_INTEGER = len(str(MIN_INTEGER))
_OPERATORS = {
    "==": "fn.eq(a, b)",
    "!=": "fn.neq(a, b)",
    "&&": "fn.and(a, b)",
    "||": "fn.or(a, b)",
    "??": "fn.or(a, b)",
    "!": "fn.not(a)",
    ">=": "fn.gte(a, b)",
    "<=": "fn.lte(a, b)",
    ">": "fn.gt(a, b)",
    "<": "fn.lt(a, b)",
    "+": "fn.add(a, b)",
    "-": "fn.subtract(a, b)",
    "*": "fn.multiply(a, b)",
    "/": "fn.divide(a, b)",
    "%": "fn.remainder(a, b)",
    "?": "fn.if(condition, then, else)",
}


@dataclass(slots=True)
class Scanner:
    """Reads a string from `offset` on; no expression may pass `end`."""

    text: str
    offset: int
    end: int = 0

    def limit(self, start: int) -> None:
        """An expression begins at `start`."""
        self.end = start + MAX_LENGTH

    def fault(self, message: str, offset: int | None = None) -> ExpressionError:
        """Return the error that points at `offset`, or at what comes next."""
        return ExpressionError(message, self.offset if offset is None else offset)

    def skip(self) -> None:
        """Pass white space."""
        found = _SPACE.match(self.text, self.offset)
        if found:
            self.offset = found.end()
        if self.offset > self.end:
            raise ExpressionError(
                f"an expression has at most {MAX_LENGTH:,} characters",
                min(self.end, len(self.text)),
                limit="length",
            )

    def sees(self, mark: str) -> bool:
        """Tell whether the text goes on with the mark."""
        return self.text.startswith(mark, self.offset)

    def take(self, mark: str) -> bool:
        """Pass the mark if it comes next."""
        if not self.sees(mark):
            return False
        self.offset += len(mark)
        return True

    def word(self) -> str:
        """Return the name that comes next, empty if none does."""
        return self._matched(_WORD)

    def step(self) -> str:
        """Return what stands behind a point: a field's name or an index."""
        step = self._matched(_STEP)
        if not step:
            raise self.fault(
                "expected a name behind the point; a name with other characters than letters, "
                "digits, _, $ and - is written ['like this']"
            )
        return step

    def _matched(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.offset)
        if found is None:
            return ""
        self.offset = found.end()
        return found[0]

    def number(self) -> int | float:
        """Read a number."""
        start = self.offset
        found = _NUMBER.match(self.text, start)
        if found is None:
            raise self.fault("expected a number, such as 3, -1 or 0.5")
        self.offset = found.end()
        if found[1] is None and found[2] is None:
            value = int(found[0]) if len(found[0]) <= _LONGEST_INTEGER else MAX_INTEGER + 1
            if not MIN_INTEGER <= value <= MAX_INTEGER:
                raise self.fault("the integer does not fit into 64 bits", start)
            return value
        number = float(found[0])
        if math.isinf(number):
            raise self.fault("the number is too large", start)
        return number

    def string(self) -> str:
        """Read a string in single or double quotes."""
        start = self.offset
        found = _STRING.match(self.text, start)
        if found is None:
            raise self.fault("the string has no end; a closing quote is missing")
        self.offset = found.end()
        raw = found[0][1:-1]
        if "\\" in raw:
            raw = _ESCAPE.sub(lambda escape: self._escape(escape, start + 1), raw)
            # Two escapes may be the halves of one character.
            raw = raw.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if _UNFIT.search(raw):
            raise self.fault("the string holds a NUL character or half of a surrogate pair", start)
        return raw

    def _escape(self, escape: re.Match[str], base: int) -> str:
        digits = escape[1] or escape[2] or escape[3]
        if digits:
            code = int(digits, 16)
            if code <= 0x10FFFF:  # noqa: PLR2004  the last character of Unicode
                return chr(code)
        elif escape[4] in _ITSELF:
            return escape[4]
        elif escape[4] in _SIMPLE:
            return _SIMPLE[escape[4]]
        raise self.fault(
            "unknown escape in a string; a backslash is written \\\\", base + escape.start()
        )

    def regex(self) -> tuple[str, str]:
        """Read a regular expression; return its pattern and flags."""
        found = _REGEX.match(self.text, self.offset)
        if found is None:
            raise self.fault("the regular expression has no end; a closing / is missing")
        self.offset = found.end()
        return found[1], found[2]

    def unexpected(self, expected: str) -> ExpressionError:
        """Return the error for something else than was expected; explain operators."""
        rest = self.text[self.offset : self.offset + 2]
        if not rest:
            return self.fault(f"the string ends here; expected {expected}")
        if self.sees("=>"):
            return self.fault("the parameters of an arrow function stand in parentheses: (item) =>")
        for operator, instead in _OPERATORS.items():
            if rest.startswith(operator):
                return self.fault(f"there is no operator {operator}; write {instead}")
        return self.fault(f"expected {expected}, not {shown(rest[0])}")
