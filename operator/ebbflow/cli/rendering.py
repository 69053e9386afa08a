"""`ebbflow render`: a document with its arguments resolved, as far as that goes without a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.api.template import Template
from ebbflow.cli.options import Where
from ebbflow.cli.output import print_value
from ebbflow.cli.problem import Problem
from ebbflow.cli.session import converse
from ebbflow.domain.document import InvalidDocument, ParsedDocument, parse, validate
from ebbflow.domain.document.inner import place_within
from ebbflow.domain.document.path import Step, path_of
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import (
    TOP,
    Budget,
    ExpressionError,
    Known,
    Nesting,
    Scope,
    check,
    evaluate,
    print_string,
    references,
    resolve_arguments,
)
from ebbflow.domain.expression import parse as parse_string
from ebbflow.domain.expression import render as render_value
from ebbflow.domain.expression.parser import BEGIN
from ebbflow.domain.expression.syntax import Hole, Interpolation, Part, SecretKey, Text
from ebbflow.domain.expression.values import text_of, unwrap
from ebbflow.domain.plan import SECRET
from ebbflow.domain.secret import Tainted

ENDINGS: Final = (".yaml", ".yml", ".json")

UNREAD: Final = Tainted(SECRET)
"""Stands for every secret: none is read to show a document."""


class _AnyKey(Mapping[str, Tainted]):
    """A Secret that has every key."""

    @override
    def __getitem__(self, key: str) -> Tainted:
        return UNREAD

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(())

    @override
    def __len__(self) -> int:
        return 0

    @override
    def __contains__(self, key: object) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Source:
    """A document, and what its arguments are given from outside; `parsed`: it is a file."""

    title: str
    document: JsonObject
    given: Mapping[str, Json]
    parsed: ParsedDocument | None = None


def render(where: Where, source: str, arguments: Mapping[str, Any], output: str) -> None:
    """Print a file's or a Template's document with its arguments resolved. Raises Problem."""
    found = _from_file(source) if _is_file(source) else _from_template(where, source)
    given = {**found.given, **arguments}
    _check(found, given)
    try:
        print_value(rendered(found.document, given, datetime.now(UTC)), output)
    except ExpressionError as error:
        raise _problem(found, error.message, error.steps or (), error.offset) from None


def _is_file(source: str) -> bool:
    return "/" in source or source.lower().endswith(ENDINGS) or Path(source).is_file()


def _from_file(name: str) -> _Source:
    try:
        parsed = parse(Path(name).read_bytes(), name)
    except InvalidDocument as error:
        where = f"{name}:{error.line or 1}:{error.column or 1}"
        raise Problem(error.message, where, "`ebbflow lint` finds all faults of a file") from None
    return _Source(name, parsed.value, {}, parsed)


def _from_template(where: Where, name: str) -> _Source:
    template = converse(where, lambda session: session.template(name)).model
    document = template.spec.document
    title = f"Template {template.metadata.namespace}/{name}"
    if not document:
        raise Problem(f"the Template {name} has no document", title, "fill spec.document")
    try:
        validate(document)
    except InvalidDocument as error:
        raise Problem(error.message, f"{title} {error.path or ''}", "correct it") from None
    return _Source(title, document, _overrides(template))


def _overrides(template: Template) -> dict[str, Json]:
    return {
        one.name: one.value if one.value_from is None else UNREAD
        for one in template.spec.argument_overrides
    }


def _check(source: _Source, given: Mapping[str, Json]) -> None:
    problems = check(source.document, Known(args=tuple(given)), source.parsed)
    if problems:
        first = problems[0]
        raise _problem(source, first.message, first.steps, first.offset)


def _problem(source: _Source, message: str, steps: tuple[Step, ...], offset: int | None) -> Problem:
    if source.parsed is None:
        return Problem(message, f"{source.title} {path_of(steps)}", "correct the document")
    place = place_within(source.parsed, steps, offset or 0)
    where = f"{source.title}:{place.line}:{place.column}"
    return Problem(message, where, "correct the file, or give the value with --arg")


def rendered(document: JsonObject, given: Mapping[str, Json], now: datetime) -> JsonObject:
    """Return a valid document with all replaced that is known before a run, secrets masked.

    Strings that name outputs of nodes, triggers or items of loops keep those expressions. Raises
    ExpressionError.
    """
    scope = Scope(secrets=lambda _: _AnyKey(), now=now, random_secrets=lambda _: UNREAD)
    declared = document.get("arguments") or {}
    resolved = resolve_arguments(declared, given, scope, Budget())
    if sensitive := [one for one in document.get("sensitiveArguments") or () if one in resolved]:
        # Again, so that what is made of them is masked as well.
        hidden = {name: Tainted(resolved[name]) for name in sensitive}
        resolved = resolve_arguments(declared, {**given, **hidden}, scope, Budget())
    inner = Scope(resolved, {}, scope.secrets, None, now, scope.random_secrets)
    out: JsonObject = {}
    for key, value in document.items():
        if key == "arguments":
            out[key] = _shown(resolved)
        else:
            out[key] = _shown(_known(value, inner, (key,), TOP))
    return out


def _known(value: Json, scope: Scope, steps: tuple[Step, ...], nesting: Nesting) -> Json:
    """Render what can be rendered now."""
    match value:
        case str():
            return _string(value, scope, steps, nesting) if BEGIN in value else value
        case dict():
            return {
                key: _known(item, scope, (*steps, key), nesting.below(value, key))
                for key, item in value.items()
            }
        case list():
            return [
                _known(item, scope, (*steps, index), nesting) for index, item in enumerate(value)
            ]
        case _:
            return value


def _string(text: str, scope: Scope, steps: tuple[Step, ...], nesting: Nesting) -> Json:
    open_ = references(text, steps, nesting)
    if not (open_.refs or open_.loop):
        return _or_as_it_is(text, scope, steps, nesting)
    if nesting.level:
        return text
    parts = (_part(part, scope, steps) for part in parse_string(text).parts)
    kept = tuple(part for part in parts if not isinstance(part, Text) or part.value)
    return print_string(Interpolation(kept))


def _or_as_it_is(text: str, scope: Scope, steps: tuple[Step, ...], nesting: Nesting) -> Json:
    try:
        return render_value(text, scope, Budget(), steps, nesting)
    except ExpressionError:
        # A function may need the true value of a secret, which is not read here.
        named = references(text, steps, nesting)
        secret = named.secrets or any(_is_secret(scope.args[name]) for name in named.args)
        if secret or nesting.level:
            return text
        raise


def _is_secret(value: Json) -> bool:
    return unwrap(value, Budget()).tainted


def _part(part: Part, scope: Scope, steps: tuple[Step, ...]) -> Part:
    """Return the text of an expression whose value is known; others stay."""
    if not isinstance(part, Hole):
        return part
    open_ = references(print_string(Interpolation((part,))), steps)
    if open_.refs or open_.loop:
        return part
    value = evaluate(part.expression, scope, Budget(), path_of(steps))
    return Text(text_of(_shown(value), Budget()))


def _shown(value: Json) -> Json:
    match value:
        case Tainted():
            return SECRET
        case SecretKey(secret, key):
            return f"${{{{secrets.{secret}.values.{key}}}}}"
        case dict():
            return {key: _shown(item) for key, item in value.items()}
        case list():
            return [_shown(item) for item in value]
        case _:
            return value
