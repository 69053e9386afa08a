r"""Strings → syntax trees.

string      = (text | `\${` | `$${` | hole | secret key)*
hole        = `${` `template.`* expression `}`
secret key  = `${{` `secrets` steps `}}`
expression  = string | number | `true` | `false` | `null`
| (`args` | `refs` | `secrets` | `loop` | parameter) steps
| `fn.` name `(` [argument (`,` argument)*] `)` steps
argument    = expression | regex | [`(`] parameters [`)`] `=>` expression
steps       = (`.` name | `[` (string | index) `]`)*
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from ebbflow.domain.document.invalid import shown
from ebbflow.domain.expression.errors import ExpressionError, hint
from ebbflow.domain.expression.limits import MAX_LEVELS, MAX_NESTING
from ebbflow.domain.expression.pattern import compile_pattern
from ebbflow.domain.expression.scanner import Scanner
from ebbflow.domain.expression.secret_path import secret_key
from ebbflow.domain.expression.syntax import (
    ROOTS,
    Argument,
    Arrow,
    Call,
    Expression,
    Hole,
    Interpolation,
    Literal,
    Part,
    Path,
    Regex,
    SecretKey,
    Text,
    Variable,
)

BEGIN = "${"
"""A string without it holds no expression and no escape."""

_MARK = re.compile(r"[\\$]?\$\{")
_ESCAPED = 3  # characters of `\${` and `$${`
_WORDS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset((*ROOTS, *_WORDS, "fn", "template", "undefined"))
_MAX_PARAMETERS = 2
_LONGEST_CACHED = 4096  # characters; the cache holds on to its strings
_LITERALLY = "; a literal ${ is written \\${"


def parse(text: str) -> Interpolation:
    """Read a string. Raises ExpressionError with the offset of the fault."""
    return _parse_cached(text) if len(text) <= _LONGEST_CACHED else _parse(text)


def _parse(text: str) -> Interpolation:
    return _Parser(Scanner(text, 0)).string()


@lru_cache(maxsize=4096)
def _parse_cached(text: str) -> Interpolation:
    return _parse(text)


@dataclass(slots=True)
class _Parser:
    scanner: Scanner
    parts: list[Part] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)  # of the arrow functions around
    nesting: int = 0
    level: int = 0
    generated: int = 0  # calls of randomSecret so far

    def string(self) -> Interpolation:
        """Read the whole string."""
        scanner = self.scanner
        while found := _MARK.search(scanner.text, scanner.offset):
            self._text(scanner.text[scanner.offset : found.start()], scanner.offset)
            scanner.offset = found.end()
            if len(found[0]) == _ESCAPED:
                self._text(BEGIN, found.start())
            else:
                scanner.limit(found.start())
                self._part(found.start())
        self._text(scanner.text[scanner.offset :], scanner.offset)
        return Interpolation(tuple(self.parts))

    def _text(self, text: str, offset: int) -> None:
        """Add text; what stands beside other text becomes one with it."""
        if not text:
            return
        if self.parts and isinstance(self.parts[-1], Text):
            before = self.parts.pop()
            self.parts.append(Text(before.value + text, before.offset))  # type: ignore[union-attr]
        else:
            self.parts.append(Text(text, offset))

    def _part(self, start: int) -> None:
        if self.scanner.take("{"):
            self.parts.append(self._secret_key(start))
            return
        self.level = 0
        self.scanner.skip()
        while self.scanner.take("template."):
            self.level += 1
            if self.level > MAX_LEVELS:
                raise ExpressionError(
                    f"at most {MAX_LEVELS} template. stand in front of an expression",
                    start,
                    limit="levels",
                )
        expression = self._value()
        self.scanner.skip()
        if not self.scanner.take("}"):
            raise self.scanner.unexpected("} at the end of the expression")
        if isinstance(expression, Literal) and isinstance(expression.value, str):
            self._text(expression.value, start)
        else:
            self.parts.append(Hole(expression, self.level, start))

    def _secret_key(self, start: int) -> SecretKey:
        scanner = self.scanner
        scanner.skip()
        at = scanner.offset
        if scanner.word() != "secrets":
            raise scanner.fault(
                "only secrets.NAME.values.KEY may stand in ${{…}}" + _LITERALLY + "{", at
            )
        found = secret_key(self._steps())
        if found is None:
            raise scanner.fault("expected secrets.NAME.values.KEY in ${{…}}", at)
        scanner.skip()
        if not scanner.take("}}"):
            raise scanner.unexpected("}} at the end")
        return SecretKey(*found, start)

    def _value(self) -> Expression:
        """Read what has a value by itself."""
        at = self.scanner.offset
        match self._argument():
            case Regex():
                raise self.scanner.fault("a regular expression is an argument of a function", at)
            case Arrow():
                raise self.scanner.fault("an arrow function is an argument of a function", at)
            case value:
                return value

    def _argument(self) -> Argument:
        scanner = self.scanner
        scanner.skip()
        at = scanner.offset
        first = scanner.text[at : at + 1]
        if first in ("'", '"') and first:
            return Literal(scanner.string(), at)
        if first == "-" or first.isdecimal():
            return Literal(scanner.number(), at)
        if first == "/":
            return self._regex(at)
        if first == "(":
            return self._arrow(at)
        return self._named(at)

    def _regex(self, at: int) -> Regex:
        pattern, flags = self.scanner.regex()
        try:
            compile_pattern(pattern, flags)
        except ExpressionError as error:
            error.offset = at
            raise
        return Regex(pattern, flags, at)

    def _named(self, at: int) -> Argument:
        scanner = self.scanner
        name = scanner.word()
        scanner.skip()
        if name and scanner.sees("=>"):
            return self._body((self._parameter(name, at),), at)
        if name == "template" and self.level:
            self._same_level(at)
            return self._named(scanner.offset)
        if name == "fn":
            return self._call(at)
        if name in _WORDS:
            return Literal(_WORDS[name], at)
        if name in self.parameters:
            return Variable(name, self._steps(), at)
        for root in ROOTS:
            if name == root:
                return self._path(root, at)
        raise self._unknown(name, at)

    def _same_level(self, at: int) -> None:
        """Pass `template.` inside of an expression that has as many in front."""
        count = 1
        self._point("template")
        while self.scanner.take("template."):
            count += 1
        if count != self.level:
            raise self.scanner.fault(
                "inside of an expression template. stands as often as in front, or not at all", at
            )

    def _unknown(self, name: str, at: int) -> ExpressionError:
        self.scanner.offset = at
        if not name:
            return self.scanner.unexpected("a value")
        known = (*ROOTS, "fn", *_WORDS, *self.parameters)
        if name == "template":
            return self.scanner.fault("template. stands in front of the whole expression", at)
        return self.scanner.fault(
            f"unknown name {shown(name)}{hint(name, known)}; "
            f"a value begins with args., refs., secrets., loop. or fn.{_LITERALLY}",
            at,
        )

    def _path(self, root: str, at: int) -> Path:
        steps = self._steps()
        if not steps:
            raise self.scanner.fault(f"{root} needs a name behind it: {root}.NAME", at)
        return Path(root, steps, at)  # type: ignore[arg-type]

    def _point(self, name: str) -> None:
        if not self.scanner.take("."):
            raise self.scanner.unexpected(f"a point behind {name}")

    def _call(self, at: int) -> Call:
        self._point("fn")
        name = self.scanner.word()
        if not name:
            raise self.scanner.unexpected("the name of a function")
        self.scanner.skip()
        if not self.scanner.take("("):
            raise self.scanner.unexpected(f"( behind fn.{name}")
        ordinal = 0
        if name == "randomSecret":
            ordinal, self.generated = self.generated, self.generated + 1
        self._deeper(at)
        arguments = self._arguments()
        self.nesting -= 1
        return Call(name, arguments, self._steps(), ordinal, at)

    def _arguments(self) -> tuple[Argument, ...]:
        arguments: list[Argument] = []
        self.scanner.skip()
        if self.scanner.take(")"):
            return ()
        while True:
            arguments.append(self._argument())
            self.scanner.skip()
            if self.scanner.take(")"):
                return tuple(arguments)
            if not self.scanner.take(","):
                raise self.scanner.unexpected("a comma or )")

    def _arrow(self, at: int) -> Arrow:
        """Read `(item, index) => body` from its parenthesis on."""
        scanner = self.scanner
        scanner.take("(")
        names: list[str] = []
        scanner.skip()
        while not scanner.take(")"):
            if names and not scanner.take(","):
                raise scanner.unexpected("a comma or )")
            scanner.skip()
            start = scanner.offset
            names.append(self._parameter(scanner.word(), start))
            scanner.skip()
        scanner.skip()
        if not scanner.sees("=>"):
            raise scanner.fault("expected => behind the parameters of an arrow function")
        return self._body(tuple(names), at)

    def _parameter(self, name: str, at: int) -> str:
        if not name:
            raise self.scanner.fault("expected the name of a parameter", at)
        if name in _RESERVED:
            raise self.scanner.fault(f"{name} cannot be the name of a parameter", at)
        return name

    def _body(self, parameters: tuple[str, ...], at: int) -> Arrow:
        if len(parameters) > _MAX_PARAMETERS:
            raise self.scanner.fault(
                "an arrow function has at most two parameters, the item and its index", at
            )
        if len(set(parameters)) != len(parameters):
            raise self.scanner.fault("the two parameters need different names", at)
        self.scanner.take("=>")
        self._deeper(at)
        self.parameters += parameters
        body = self._value()
        del self.parameters[len(self.parameters) - len(parameters) :]
        self.nesting -= 1
        return Arrow(parameters, body, at)

    def _deeper(self, at: int) -> None:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise ExpressionError(
                f"calls are nested deeper than {MAX_NESTING} levels", at, limit="nesting"
            )

    def _steps(self) -> tuple[str, ...]:
        steps: list[str] = []
        while True:
            if self.scanner.take("."):
                steps.append(self.scanner.step())
            elif self.scanner.take("["):
                steps.append(self._bracket())
            else:
                return tuple(steps)

    def _bracket(self) -> str:
        scanner = self.scanner
        scanner.skip()
        at = scanner.offset
        if scanner.sees("'") or scanner.sees('"'):
            step = scanner.string()
        else:
            number = scanner.number()
            if not isinstance(number, int) or number < 0:
                raise scanner.fault("an index is a whole number from 0 on", at)
            step = str(number)
        scanner.skip()
        if not scanner.take("]"):
            raise scanner.unexpected("]")
        return step
