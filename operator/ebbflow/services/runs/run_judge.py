"""Answers what only expressions can tell about nodes: whether they run, how long, how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from typing_extensions import override

from ebbflow.domain.cel import CelCompiler, CelError, Condition, InvalidExpression, NoValue
from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.path import steps_of
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import (
    Budget,
    ExpressionError,
    NotKnownYet,
    SecretNotFound,
    references,
    render,
)
from ebbflow.domain.expression.parser import BEGIN
from ebbflow.domain.objects import tainted_texts
from ebbflow.domain.runs.around import around
from ebbflow.domain.runs.node_settings import (
    Invalid,
    Iterations,
    LeftOut,
    Settings,
    read_iterations,
    read_settings,
)
from ebbflow.domain.runs.once import once_key
from ebbflow.domain.runs.plan import Judge
from ebbflow.domain.runs.planned import NOT_KNOWN
from ebbflow.domain.runs.states import States
from ebbflow.domain.runs.tree import Envelope, Loop, Node, Place
from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.kind import Context
from ebbflow.services.runs.node_context import merged
from ebbflow.services.runs.run_memory import RunMemory

WHEN_VARIABLES: Final = ("args", "refs", "item", "index")
"""What `when` sees; the last two within a loop. (`loop` is a reserved word of CEL.)"""

_REFS: Final = re.compile(r"\brefs\b")
_REF: Final = re.compile(r"""\brefs\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*["']([^"'\\]*)["']\s*\])""")


class RunJudge(Judge):
    """Judges by what is known at one moment.

    `wanted` collects Secrets that an answer needed and that were not read yet: read them, and ask
    again.
    """

    def __init__(self, memory: RunMemory, states: States, now: datetime, cel: CelCompiler) -> None:
        self._memory = memory
        self._states = states
        self._now = now
        self._cel = cel
        self.wanted: set[str] = set()

    @override
    def skips(self, node: Node, place: Place) -> LeftOut | Invalid | None:
        envelope = node.envelope
        try:
            return self._left_out(envelope, place)
        except (CelError, NotKnownYet) as error:
            if isinstance(error, NotKnownYet) or (isinstance(error, NoValue) and self._memory.dry):
                # Nobody can answer yet: a dry run takes the node in.
                self._note(place, f"whether it runs is {NOT_KNOWN}: {error}")
                return None
            return Invalid(f"{envelope.where}.when: {error}")
        except ValueError as error:
            return Invalid(str(error))

    def _left_out(self, envelope: Envelope, place: Place) -> LeftOut | None:
        if self._says(envelope, "skipNodeExecution", envelope.skip, place):
            return LeftOut("skipNodeExecution is true")
        if envelope.when is not None:
            condition = compile_when(self._cel, envelope.when)
            if not condition.holds(self._variables(condition, place)):
                return LeftOut("when is false")
        return self._done_before(envelope, place)

    def _done_before(self, envelope: Envelope, place: Place) -> LeftOut | None:
        """Say which Run did the node, if it is one that runs once; raises ValueError."""
        by = self._memory.once.get(once_key(envelope, place.path))
        if by is None or not self._says(envelope, "runNodeOnce", envelope.once, place):
            return None
        return LeftOut(f"runNodeOnce is true, and the Run {by} did it")

    def _says(self, envelope: Envelope, field: str, value: Json, place: Place) -> bool:
        """Read a field of a node that is true or false. Raises ValueError with the field."""
        try:
            return _truth(self._resolve(value, place, envelope.where, field))
        except ExpressionError:
            raise
        except ValueError as error:
            raise ValueError(f"{envelope.where}.{field} {error}") from None

    @override
    def settings(self, node: Node, place: Place) -> Settings | Invalid:
        where = node.envelope.where
        unknown: list[NotKnownYet] = []

        def resolve(value: Json) -> Json:
            try:
                return self._resolve(value, place, where)
            except NotKnownYet as error:
                unknown.append(error)
                raise

        found = read_settings(node.envelope, resolve)
        return Settings() if unknown else found

    @override
    def iterations(self, loop: Loop, place: Place) -> Iterations | Invalid:
        where = f"{loop.envelope.where}.spec"
        try:
            items = self._memory.items.get(place.path)
            if items is None:
                found = self._resolve(loop.iterations, place, where, "iterations")
                if not isinstance(found, list):
                    return read_iterations(loop, found, lambda value: value)
                items = self._memory.items[place.path] = found
        except NotKnownYet as error:
            self._memory.unplanned.add(place.path)
            self._note(place, f"for what it runs is {NOT_KNOWN}: {error}")
            return Iterations(0, 1)
        except ExpressionError as error:
            return Invalid(str(error))
        return read_iterations(
            loop, items, lambda value: self._resolve(value, place, where, "parallelism")
        )

    def context(self, path: str, namespace: str) -> Context:
        """Return the defaults for the node at a path: inner workflows' win over outer ones'.

        Raises ExpressionError.
        """
        context = Context(namespace)
        for workflow, place in around(self._memory.tree, path):
            known = self._memory.contexts.get(place.path)
            if known is None:
                where = f"{workflow.envelope.where}.spec.context"
                given = self._default(workflow.context, place, where)
                known = self._memory.contexts[place.path] = merged(context, given, where)
            context = known
        return context

    def _note(self, place: Place, words: str) -> None:
        self._memory.undecided[place.path] = words

    def _default(self, context: Json, place: Place, where: str) -> Json:
        if not references(context, steps_of(where)).secrets:
            given = self._resolve(context, place, where)
            if not tainted_texts(given):
                return given
        raise ExpressionError(
            f"{where}: a secret cannot be a default for other nodes; name it in the nodes themselves"
        )

    def _resolve(self, value: Json, place: Place, where: str, *below: str) -> Json:
        """Evaluate what a document says at `where`; raises ExpressionError with the place."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str) and BEGIN not in value:
            return value
        scope = self._memory.scope(place, self._states, self._now)
        try:
            return render(value, scope, Budget(), (*steps_of(where), *below))
        except SecretNotFound as error:
            if error.name not in self._memory.secrets:
                self.wanted.add(error.name)
            raise

    def _variables(self, condition: Condition, place: Place) -> dict[str, Json]:
        """Return what a condition reads: all of it would be much for a Run of many nodes."""
        reads = condition.variables
        scope = self._memory.scope(place, self._states, self._now)
        loop = scope.loop
        return {
            "args": dict(scope.args) if "args" in reads else {},
            "refs": _readable(scope.refs, condition.source) if "refs" in reads else {},
            **({"item": loop.item, "index": loop.index} if loop else {}),
        }


def compile_when(cel: CelCompiler, source: str) -> Condition:
    """Read the condition of a `when`. Raises InvalidExpression."""
    try:
        return cel.compile(source, WHEN_VARIABLES)
    except InvalidExpression as error:
        if "reserved identifier: loop" not in error.problem:
            raise
        words = "a condition in CEL sees the loop's item as item, and its number as index"
        raise InvalidExpression(words, source, error.offset) from None


def _truth(value: Json) -> bool:
    """Read what is true or false, as such or spelled. Raises ValueError if it is neither."""
    match value:
        case None | bool():
            return bool(value)
        case str() if value.lower() in ("", "false"):
            return False
        case str() if value.lower() == "true":
            return True
        case Tainted():
            raise ValueError("must not depend on a secret")
        case _:
            raise ValueError(f"must be true or false, not {shown(value)}")


def _readable(refs: Mapping[str, Json], source: str) -> dict[str, Json]:
    """Return the refs that have outputs by now; CEL's `has()` tells the others.

    Those that the expression names, if it names each: objects are large.
    """
    named = [match[1] or match[2] for match in _REF.finditer(source)]
    wanted = set(named) if len(named) == len(_REFS.findall(source)) else None
    found: dict[str, Json] = {}
    for ref in refs:
        if wanted is None or ref in wanted:
            with suppress(KeyError):
                found[ref] = refs[ref]
    return found
