"""Every expression of a document, checked before its first node runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from typing_extensions import override

from ebbflow.domain.document.inner import place_within
from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.parsed import ParsedDocument
from ebbflow.domain.document.path import path_of
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.arguments_order import in_order
from ebbflow.domain.expression.errors import ExpressionError, hint
from ebbflow.domain.expression.limits import Limits
from ebbflow.domain.expression.nesting import TOP
from ebbflow.domain.expression.nodes import NodeWalk, Place, Steps
from ebbflow.domain.expression.parser import parse
from ebbflow.domain.expression.references import Found, strings, walk
from ebbflow.domain.expression.secret_path import secret_key
from ebbflow.domain.expression.static_types import call_faults
from ebbflow.domain.expression.syntax import Argument, Call, Hole, Part, Path, SecretKey

MAX_PROBLEMS = 100
"""More than a person reads; the rest is left out."""

ALWAYS = ("trigger", "webhook")
"""Refs that are there in every run that a trigger or webhook started."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a run will have besides what the document says.

    `args`: names of arguments from overrides and from the run; `refs`: of triggers outside of
    the document.
    """

    args: Collection[str] = ()
    refs: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an expression.

    `steps` lead to the string, `offset` counts characters in it from 0. `line` and `column`, from
    1, are None without a file; `exact` tells whether they point at the fault itself or only at
    the beginning of its string.
    """

    message: str
    steps: Steps
    offset: int | None
    line: int | None = None
    column: int | None = None
    exact: bool = False

    @property
    def path(self) -> str:
        """The field path, such as `spec.spec.steps[2].spec.name`."""
        return path_of(self.steps)

    @override
    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line is not None else ""
        return f"{where}{self.path}: {self.message}"


def check(
    document: Json, known: Known | None = None, parsed: ParsedDocument | None = None
) -> tuple[Problem, ...]:
    """Return what is wrong with the expressions of a document, at most 100 problems.

    The document's structure must be sound (`document.validate`). `parsed` is the file that it
    came from; its lines and columns are then part of the problems. What only a run can tell is
    not looked at: whether an output has a field, whether a Secret exists.
    """
    if not isinstance(document, dict):
        return ()
    checker = _Check(document, known or Known(), parsed)
    problems: list[Problem] = []
    for problem in checker.problems():
        problems.append(problem)
        if len(problems) >= MAX_PROBLEMS:
            break
    return tuple(problems)


def _trigger_refs(document: dict[str, Json]) -> set[str]:
    triggers = document.get("triggers")
    listed = triggers if isinstance(triggers, list) else [triggers]
    refs = (trigger.get("ref") for trigger in listed if isinstance(trigger, dict))
    return {ref for ref in refs if isinstance(ref, str)}


@dataclass(slots=True)
class _Check:
    document: dict[str, Json]
    known: Known
    parsed: ParsedDocument | None
    args: set[str] = field(init=False)
    nodes: NodeWalk = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        given = self._arguments()
        self.args = {*given, *self.known.args}
        self.nodes = NodeWalk({*ALWAYS, *self.known.refs, *_trigger_refs(self.document)})

    def _arguments(self) -> dict[str, Json]:
        arguments = self.document.get("arguments")
        return arguments if isinstance(arguments, dict) else {}

    def problems(self) -> Iterator[Problem]:
        arguments = self._arguments()
        place = Place(arguments, ("arguments",), TOP, set(self.nodes.visible), loop=False)
        sound = True
        for problem in self._place(place):
            sound = False
            yield problem
        if sound:
            yield from self._circle(arguments)
        for place in self.nodes.document(self.document):
            yield from self._place(place)

    def _circle(self, arguments: dict[str, Json]) -> Iterator[Problem]:
        try:
            in_order(arguments)
        except ExpressionError as error:
            yield self._problem(error.message, error.steps or ("arguments",), None)

    def _place(self, place: Place) -> Iterator[Problem]:
        for found in strings(place.value, place.steps, place.nesting):
            try:
                parts = parse(found.text).parts
            except ExpressionError as error:
                yield self._fault(error, found)
                continue
            for part in parts:
                for fault in self._part(part, parts, found, place):
                    yield self._fault(fault, found)

    def _part(
        self, part: Part, parts: tuple[Part, ...], found: Found, place: Place
    ) -> Iterator[ExpressionError]:
        if isinstance(part, SecretKey) and not found.level and (found.key or len(parts) > 1):
            yield ExpressionError(
                "${{secrets…}} must be the whole value of a field; ${secrets…} can be part of a text",
                part.offset,
            )
        if not isinstance(part, Hole) or part.level < found.level:
            return
        if part.level > found.level:
            yield ExpressionError(
                "template. only has a meaning in a document inside of this one", part.offset
            )
            return
        yield from self._counted(part)
        for node in walk(part.expression):
            yield from self._node(node, place)

    def _counted(self, part: Hole) -> Iterator[ExpressionError]:
        self.count += 1
        if self.count == Limits().expressions + 1:
            yield ExpressionError(
                f"a document has at most {Limits().expressions:,} expressions",
                part.offset,
                limit="expressions",
            )

    def _node(self, node: Argument, place: Place) -> Iterator[ExpressionError]:
        if isinstance(node, Call):
            yield from call_faults(node)
        elif isinstance(node, Path):
            message = self._path(node, place)
            if message:
                yield ExpressionError(message, node.offset)

    def _path(self, node: Path, place: Place) -> str | None:
        name = node.steps[0]
        match node.root:
            case "args":
                if name in self.args:
                    return None
                return (
                    f"there is no argument {shown(name)}{hint(name, self.args)}; "
                    "declare it under arguments"
                )
            case "refs":
                seen = name in place.visible
                return None if seen else self.nodes.why_not(name, place.steps)
            case "secrets":
                return _secret_fault(node)
            case "loop":
                return _loop_fault(node, place)

    def _fault(self, error: ExpressionError, found: Found) -> Problem:
        return self._problem(error.message, found.steps, error.offset, key=found.key)

    def _problem(
        self, message: str, steps: Steps, offset: int | None, *, key: bool = False
    ) -> Problem:
        if self.parsed is None:
            return Problem(message, steps, offset)
        at = place_within(self.parsed, steps, offset or 0, key=key)
        return Problem(message, steps, offset, at.line, at.column, at.exact)


def _secret_fault(node: Path) -> str | None:
    if (
        len(node.steps) == 1
        or secret_key(node.steps)
        or node.steps[1:] in (("values",), ("files",))
    ):
        return None
    return f"a Secret is read as secrets.{node.steps[0]}.values.KEY or secrets.{node.steps[0]}.files.KEY.data"


def _loop_fault(node: Path, place: Place) -> str | None:
    if not place.loop:
        return "there is no loop around this; loop.item and loop.index exist in the steps of a LoopWorkflow"
    if node.steps[0] == "item" or node.steps == ("index",):
        return None
    return f"loop has item and index, not {shown('.'.join(node.steps))}"
