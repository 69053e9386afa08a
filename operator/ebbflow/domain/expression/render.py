"""JSON values with expressions in their strings → JSON values."""

from __future__ import annotations

from dataclasses import dataclass

from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.path import Step, path_of
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.errors import ExpressionError, NotKnownYet
from ebbflow.domain.expression.evaluate import evaluate
from ebbflow.domain.expression.limits import Budget
from ebbflow.domain.expression.nesting import TOP, Nesting
from ebbflow.domain.expression.parser import BEGIN, parse
from ebbflow.domain.expression.printer import escape, print_string
from ebbflow.domain.expression.scope import Scope
from ebbflow.domain.expression.syntax import Hole, Interpolation, Part, SecretKey, Text
from ebbflow.domain.expression.values import text_of, unwrap
from ebbflow.domain.secret import Tainted


def render(
    value: Json,
    scope: Scope,
    budget: Budget,
    steps: tuple[Step, ...] = (),
    nesting: Nesting = TOP,
) -> Json:
    """Return the value with every expression in its strings and keys replaced by its value.

    A string that is one expression becomes a value of any type; else text. Where a secret went
    in, the leaf is a Tainted; `${{…}}` alone in a string becomes a SecretKey. Parts without
    expressions are returned as they are, not copied. `steps` lead to the value within its
    document: they name the place in errors and of random secrets. Raises ExpressionError with
    `steps` and `offset`.
    """
    return _Renderer(scope, budget).render(value, steps, nesting)


@dataclass(frozen=True, slots=True)
class _Renderer:
    scope: Scope
    budget: Budget

    def render(self, value: Json, steps: tuple[Step, ...], nesting: Nesting) -> Json:
        match value:
            case str():
                return self._string(value, steps, nesting.level) if BEGIN in value else value
            case dict():
                return self._object(value, steps, nesting)
            case list():
                return self._array(value, steps, nesting)
            case _:
                return value

    def _array(self, value: list[Json], steps: tuple[Step, ...], nesting: Nesting) -> list[Json]:
        self.budget.nested(len(steps))
        changed: list[Json] | None = None
        for index, item in enumerate(value):
            if _is_plain(item):
                continue
            rendered = self.render(item, (*steps, index), nesting)
            if rendered is not item:
                changed = changed or list(value)
                changed[index] = rendered
        return value if changed is None else changed

    def _object(
        self, value: dict[str, Json], steps: tuple[Step, ...], nesting: Nesting
    ) -> dict[str, Json]:
        self.budget.nested(len(steps))
        changed: dict[str, Json] | None = None
        rename = False
        for key, item in value.items():
            rename = rename or BEGIN in key
            if _is_plain(item):
                continue
            rendered = self.render(item, (*steps, key), nesting.below(value, key))
            if rendered is not item:
                changed = changed or dict(value)
                changed[key] = rendered
        result = changed or value
        return self._renamed(result, steps, nesting) if rename else result

    def _renamed(
        self, value: dict[str, Json], steps: tuple[Step, ...], nesting: Nesting
    ) -> dict[str, Json]:
        """Render the keys."""
        renamed: dict[str, Json] = {}
        for key, item in value.items():
            name = self._key(key, steps, nesting.level) if BEGIN in key else key
            if name in renamed:
                raise _at(ExpressionError(f"the key {shown(name)} is there twice"), (*steps, key))
            renamed[name] = item
        return renamed

    def _key(self, key: str, steps: tuple[Step, ...], level: int) -> str:
        rendered = self._string(key, (*steps, key), level)
        if isinstance(rendered, Tainted | SecretKey):
            raise _at(ExpressionError("a secret cannot be a key", 0), (*steps, key))
        return text_of(rendered, self.budget)

    def _string(self, text: str, steps: tuple[Step, ...], level: int) -> Json:
        try:
            string = parse(text)
            return self._inner(string, text, steps, level) if level else self._outer(string, steps)
        except NotKnownYet as error:
            if self.scope.stand_in is None:
                raise _at(error, steps) from error.__cause__
            return self.scope.stand_in
        except ExpressionError as error:
            raise _at(error, steps) from error.__cause__

    def _outer(self, string: Interpolation, steps: tuple[Step, ...]) -> Json:
        match string.parts:
            case ():
                return ""
            case (Text(value),):
                return value
            case (Hole() as hole,):
                return self._value(hole, steps)
            case (SecretKey() as key,):
                return key
            case parts:
                return self._joined([self._piece(part, steps) for part in parts])

    def _piece(self, part: Part, steps: tuple[Step, ...]) -> Json:
        match part:
            case Text(value):
                return value
            case Hole():
                return self._value(part, steps)
            case SecretKey():
                raise ExpressionError(
                    "${{secrets…}} must be the whole string: its value never comes here, so it "
                    "cannot become part of a text; write ${secrets…} for that",
                    part.offset,
                )

    def _joined(self, pieces: list[Json]) -> Json:
        sources: set[str] = set()
        tainted = False
        texts: list[str] = []
        for piece in pieces:
            if isinstance(piece, Tainted | dict | list):
                plain = unwrap(piece, self.budget)
                tainted = tainted or plain.tainted
                sources |= plain.sources
                piece = plain.value  # noqa: PLW2901  the same piece, unwrapped
            texts.append(text_of(piece, self.budget))
            self.budget.make(len(texts[-1]))
        text = "".join(texts)
        return Tainted(text, frozenset(sources)) if tainted else text

    def _value(self, hole: Hole, steps: tuple[Step, ...], level: int = 0) -> Json:
        scope: Scope | None = self.scope
        for _ in range(hole.level - level):
            scope = scope.outer if scope else None
        if scope is None:
            raise ExpressionError(
                "template. only has a meaning in a document inside of this one", hole.offset
            )
        return evaluate(hole.expression, scope, self.budget, path_of(steps))

    def _inner(self, string: Interpolation, text: str, steps: tuple[Step, ...], level: int) -> Json:
        """Replace only what has `template.` in front as often as documents are around."""
        holes = [part for part in string.parts if isinstance(part, Hole) and part.level >= level]
        if not holes:
            return text
        if len(string.parts) == 1:
            return self._escaped(self._value(holes[0], steps, level))
        sources: set[str] = set()
        tainted = False
        parts: list[Part] = []
        for part in string.parts:
            if part not in holes:
                parts.append(part)
                continue
            plain = unwrap(self._value(part, steps, level), self.budget)
            tainted = tainted or plain.tainted
            sources |= plain.sources
            parts.append(Text(text_of(plain.value, self.budget)))
        written = print_string(_merged(parts))
        return Tainted(written, frozenset(sources)) if tainted else written

    def _escaped(self, value: Json) -> Json:
        """Write strings so that the document inside reads them as they are."""
        match value:
            case str():
                return escape(value)
            case Tainted():
                return Tainted(self._escaped(value.reveal()), value.sources)
            case dict():
                return {escape(key): self._escaped(item) for key, item in value.items()}
            case list():
                return [self._escaped(item) for item in value]
            case _:
                return value


def _is_plain(item: Json) -> bool:
    """Tell at a glance that a member of an object or array holds no expression."""
    kind = type(item)
    return BEGIN not in item if kind is str else kind is not dict and kind is not list


def _merged(parts: list[Part]) -> Interpolation:
    """Join neighbouring texts, and drop empty ones."""
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].value + part.value)
        elif not isinstance(part, Text) or part.value:
            merged.append(part)
    return Interpolation(tuple(merged))


def _at(error: ExpressionError, steps: tuple[Step, ...]) -> ExpressionError:
    """Say where the string stands."""
    if error.steps is None:
        error.steps = steps
    return error
