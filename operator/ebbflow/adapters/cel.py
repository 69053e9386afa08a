"""The port `CelCompiler` on the package common-expression-language (CEL in Rust)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final, TypeVar

from typing_extensions import override

from ebbflow.api.base import format_duration
from ebbflow.domain.cel import (
    MAX_DEPTH,
    MAX_LENGTH,
    CelCompiler,
    CelError,
    Condition,
    InvalidExpression,
    NotEvaluated,
    NoValue,
)
from ebbflow.domain.cel_shape import Extent, Shape, extent_of, shape, too_much, without_secrets

T = TypeVar("T")

COMPILED: Final = 1024
"""Expressions that are kept compiled; the same few are evaluated again and again."""

FUNCTIONS: Final = frozenset(
    (
        *("size", "has", "contains", "startsWith", "endsWith", "matches", "max", "min"),
        *("int", "uint", "double", "string", "bytes", "bool", "type", "dyn"),
        *("timestamp", "duration", "getFullYear", "getMonth", "getDate", "getDayOfMonth"),
        *("getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds"),
        "getMilliseconds",
    )
)
"""The functions that documents may call; what else the package has is left out."""

_OPERATOR: Final = re.compile(r"[@_!\-]")  # how operators are named: _==_, !_, -_, @in
_SYNTAX: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")
_EXPECTING: Final = re.compile(r" expecting \{?.*$")
_QUOTED: Final = re.compile(r"'([^']*)'")
LONGEST_PART: Final = 120


class CelConditions(CelCompiler):
    """CEL in this process. Compiled expressions are kept, the latest 1,024."""

    def __init__(self) -> None:
        self._compiled = lru_cache(maxsize=COMPILED)(_compile)

    @override
    def compile(self, source: str, variables: Collection[str]) -> Condition:
        return self._compiled(source, frozenset(variables))


class _Compiled(Condition):
    """One expression, its look from outside, and the package's program for it."""

    def __init__(self, source: str, program: Any, look: Shape, reads: frozenset[str]) -> None:
        self._source = source
        self._program = program
        self._look = look
        self._reads = reads

    @property
    @override
    def source(self) -> str:
        return self._source

    @property
    @override
    def variables(self) -> frozenset[str]:
        return self._reads

    @override
    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        seen = {name: variables[name] for name in self._reads if name in variables}
        public, secret_keys = without_secrets(seen)
        self._refuse_secrets(secret_keys)
        self._refuse_work(extent_of(public))
        return _as_json(self._run(public), self._source)

    @override
    def holds(self, variables: Mapping[str, Any]) -> bool:
        value = self.evaluate(variables)
        if isinstance(value, bool):
            return value
        raise NotEvaluated(
            f"the expression is {_kind(value)}, but must be true or false; compare it with something",
            self._source,
        )

    def _refuse_secrets(self, keys: frozenset[str]) -> None:
        for mention in self._look.mentions:
            if mention.name in keys and not mention.guarded:
                raise NotEvaluated(
                    f"{_clip(mention.name)} is a secret, and secrets are not given to expressions; "
                    "only ask whether it is there: has(…)",
                    self._source,
                    mention.offset,
                )

    def _refuse_work(self, extent: Extent) -> None:
        if too_much(self._look, extent):
            deepest = self._look.deepest
            raise NotEvaluated(
                f"the expression could take too long over values of this size (lists of up to "
                f"{extent.longest} items); use fewer comprehensions, or look at a smaller part",
                self._source,
                None if deepest is None else deepest.offset,
            )

    def _run(self, variables: Mapping[str, Any]) -> Any:
        try:
            return _guarded(lambda: self._program.execute(dict(variables)))
        except (KeyError, IndexError) as error:
            raise self._no_value(error) from None
        except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
            raise self._not_evaluated(error) from None

    def _no_value(self, error: KeyError | IndexError) -> NoValue:
        if isinstance(error, IndexError):
            return NoValue(
                "the list has no item of this index; compare with size(…) first", self._source
            )
        key = str(error.args[0]) if error.args else ""
        found = (mention.offset for mention in self._look.mentions if mention.name == key)
        problem = (
            f"there is no {_clip(key) or 'such field'}; ask with has(…) first if it may be missing"
        )
        return NoValue(problem, self._source, next(found, None))

    def _not_evaluated(self, error: Exception) -> CelError:
        words = " ".join(str(error).split())
        if words.startswith("Undefined variable"):
            name = next(iter(_QUOTED.findall(words)), "")
            found = (mention.offset for mention in self._look.mentions if mention.name == name)
            return NoValue(f"{_clip(name)} has no value here", self._source, next(found, None))
        return NotEvaluated(_clip(words), self._source)


def _compile(source: str, known: frozenset[str]) -> Condition:
    look = _checked_shape(source)
    program = _parsed(source)
    references: Mapping[str, list[str]] = program.references()
    reads = frozenset(references["variables"]) - look.bound
    for name in sorted(reads - known):
        raise _unknown(name, known, source, look, "variable")
    for name in sorted(frozenset(references["functions"]) - FUNCTIONS):
        if not _OPERATOR.match(name):
            raise _unknown(name, FUNCTIONS, source, look, "function")
    return _Compiled(source, program, look, reads)


def _checked_shape(source: str) -> Shape:
    if not source.strip():
        raise InvalidExpression(
            "the expression is empty; write a condition or leave it out", source
        )
    if len(source) > MAX_LENGTH:
        raise InvalidExpression(
            f"the expression has {len(source)} characters, but {MAX_LENGTH} at most are allowed; "
            "cut it into several nodes",
            source,
        )
    look = shape(source)
    deepest = look.deepest
    if deepest is not None and deepest.depth > MAX_DEPTH:
        raise InvalidExpression(
            f"comprehensions (all, exists, map, filter) stand {deepest.depth} deep in each other, "
            f"but {MAX_DEPTH} at most are allowed",
            source,
            deepest.offset,
        )
    return look


def _parsed(source: str) -> Any:
    # The package imports a command line of its own: 0.2 s that only who uses CEL should pay.
    import cel  # noqa: PLC0415

    try:
        return _guarded(lambda: cel.compile(source))
    except (ValueError, RuntimeError) as error:
        raise _syntax(str(error), source) from None


def _guarded(action: Callable[[], T]) -> T:
    """Run the package's code. A panic in it is a RuntimeError here: it ends one expression only."""
    try:
        return action()
    except BaseException as error:
        # Rust panics come as a BaseException of a module that cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError("the expression could not be evaluated") from None


def _syntax(words: str, source: str) -> InvalidExpression:
    # The message begins with the source itself, which may look like anything.
    found = _SYNTAX.search(words, words.find(": ERROR: <input>:"))
    if found is None:
        return InvalidExpression("the expression is not CEL; see https://cel.dev", source)
    line, column, problem = int(found[1]), int(found[2]), found[3]
    lines = source.split("\n")
    offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
    plain = _EXPECTING.sub("", problem).replace("'<EOF>'", "the end of the expression")
    for foreign, own in (
        ("mismatched input", "unexpected"),
        ("extraneous input", "unexpected"),
        ("no viable alternative at input", "unexpected"),
        ("token recognition error at:", "cannot read"),
    ):
        plain = plain.replace(foreign, own)
    return InvalidExpression(_clip(plain), source, min(offset, len(source)))


def _unknown(
    name: str, known: Collection[str], source: str, look: Shape, what: str
) -> InvalidExpression:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
    found = (mention.offset for mention in look.mentions if mention.name == name)
    return InvalidExpression(f"there is no {what} {_clip(name)}; {hint}", source, next(found, None))


def _as_json(value: Any, source: str) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return format_duration(value)
        case list():
            return [_as_json(item, source) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _as_json(item, source) for key, item in value.items()}
        case _:
            raise NotEvaluated(f"the expression's value ({_kind(value)}) is not JSON", source)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return type(value).__name__


def _clip(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable if len(printable) <= LONGEST_PART else printable[: LONGEST_PART - 1] + "…"
