"""Syntax trees → values.

Secrets are followed by what they touch: as soon as one expression has looked at a secret value,
its whole result is secret, be it a length or a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ebbflow.domain.document.invalid import shortened, shown
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.arguments import check_kind, converted
from ebbflow.domain.expression.errors import ExpressionError, NotKnownYet, SecretNotFound, hint
from ebbflow.domain.expression.functions import BY_NAME, Function
from ebbflow.domain.expression.functions.general import secret_object
from ebbflow.domain.expression.functions.objects import field_of
from ebbflow.domain.expression.limits import Budget
from ebbflow.domain.expression.pattern import compile_pattern
from ebbflow.domain.expression.scope import Scope
from ebbflow.domain.expression.secret_path import secret_key
from ebbflow.domain.expression.syntax import (
    Argument,
    Arrow,
    Call,
    Expression,
    Literal,
    Path,
    Regex,
    Variable,
)
from ebbflow.domain.expression.values import UNDEFINED, kind_of, unwrap
from ebbflow.domain.secret import Tainted

_Env = Mapping[str, Json]
_NOTHING: _Env = {}
_LOOP = "; loop.item and loop.index exist in the steps of a LoopWorkflow"


def evaluate(node: Expression, scope: Scope, budget: Budget, place: str = "") -> Json:
    """Return the value of an expression: JSON, in which secrets are Tainted.

    A value that any function made of a secret is one Tainted as a whole. `place` names where the
    expression stands, for randomSecret. Raises ExpressionError with the offset; what does not
    exist is an error, except within the arguments of a function, where it is nothing (and false).
    """
    budget.begin()
    run = Evaluation(scope, budget, place)
    value = run.value(node, _NOTHING)
    if value is UNDEFINED:
        raise ExpressionError(_no_value(node), node.offset)
    plain = unwrap(value, budget) if isinstance(value, dict | list) else None
    if not run.tainted:
        return value
    if plain is None:
        return Tainted(value, frozenset(run.sources))
    return Tainted(plain.value, frozenset(run.sources | plain.sources))


def _no_value(node: Expression) -> str:
    if isinstance(node, Call) and node.name == "if" and not node.steps:
        return "fn.if gave nothing, since the condition is false and there is no third argument"
    name = f"fn.{node.name}" if isinstance(node, Call) else "the expression"
    return f"{name} gave nothing, which no field can hold; give it a value with fn.if"


@dataclass(slots=True)
class Evaluation:
    """One expression being evaluated; the call that functions see."""

    scope: Scope
    budget: Budget
    origin: str
    sources: set[str] = field(default_factory=set)
    tainted: bool = False
    depth: int = 0
    place: str = ""
    generated: dict[int, int] = field(default_factory=dict)

    def value(self, node: Argument, env: _Env) -> Json:
        """Return the value of a node, outside of its wrapping if it is a secret."""
        self.budget.step()
        match node:
            case Literal(value):
                return value
            case Path():
                return self._path(node)
            case Call():
                return self._call(node, env)
            case Variable(name, steps):
                return self._field(env[name], steps, name)
            case Arrow():
                return self._callback(node, env)
            case Regex(pattern, flags):
                return compile_pattern(pattern, flags)

    def open(self, value: Json, name: str = "") -> Json:
        """Take a value out of its wrapping if it is secret, and remember that it was."""
        while isinstance(value, Tainted):
            self.tainted = True
            self.sources |= value.sources or ({name} if name else frozenset())
            value = value.reveal()
        return value

    def open_all(self, value: Json) -> Json:
        """Take everything in a value out of its wrapping, and remember what was secret."""
        opened = self.open(value)
        if not isinstance(opened, dict | list):
            return opened
        plain = unwrap(opened, self.budget)
        self.sources |= plain.sources
        self.tainted = self.tainted or plain.tainted
        return plain.value

    def _field(self, value: Json, steps: tuple[str, ...], name: str) -> Json:
        """Follow the steps; what does not exist is nothing."""
        value = self.open(value, name)
        for step in steps:
            value = self.open(field_of(self, value, step), name)
        return value

    def _path(self, node: Path) -> Json:
        found = self._found(node)
        if found is UNDEFINED and node.root == "refs" and node.steps[0] in self.scope.planned:
            words = f"refs.{'.'.join(node.steps)} is known after the run"
            raise NotKnownYet(shortened(words), node.offset)
        if found is UNDEFINED and not self.depth:
            raise self._missing(node)
        return found

    def _found(self, node: Path) -> Json:
        match node.root:
            case "args":
                return self._named(node, self.scope.args, "argument")
            case "refs":
                return self._named(node, self.scope.refs, "ref")
            case "secrets":
                return self._secret(node)
            case "loop":
                return self._loop(node)

    def _named(self, node: Path, known: Mapping[str, Json], what: str) -> Json:
        name, *rest = node.steps
        if name in known:
            return self._field(known[name], tuple(rest), f"{node.root}.{name}")
        if self.depth:
            return UNDEFINED
        if name in tuple(known):
            # A node is known from when it begins, its outputs from when it has succeeded.
            words = f"the node {shown(name)} has no outputs: it failed, was skipped or is not done"
            raise ExpressionError(f"{words}; has(refs.{name}) in a `when` tells", node.offset)
        raise ExpressionError(f"there is no {what} {shown(name)}{hint(name, known)}", node.offset)

    def _missing(self, node: Path) -> ExpressionError:
        """Say which step of a path does not exist."""
        value: Json = self.scope.args if node.root == "args" else self.scope.refs
        if node.root == "loop":
            value = {"item": self.scope.loop.item if self.scope.loop else None}
        so_far: str = node.root
        for step in node.steps:
            if isinstance(value, Mapping) and step in value:
                value = value[step]
            elif isinstance(value, list) and field_of(self, value, step) is not UNDEFINED:
                value = value[int(step)]
            else:
                break
            so_far += f".{step}"
        near = hint(step, map(str, value)) if isinstance(value, dict) else ""
        return ExpressionError(
            f"{so_far} is {kind_of(value)} without {shown(step)}{near}", node.offset
        )

    def _secret(self, node: Path) -> Json:
        name = node.steps[0]
        found = secret_key(node.steps)
        try:
            if found is None:
                steps = node.steps[1:]
                return self._field(secret_object(self, name), steps, f"secrets.{name}")
            keys = self.scope.secrets(name)
        except SecretNotFound as error:
            error.offset = node.offset
            raise
        if keys is None:
            raise SecretNotFound(name, node.offset)
        key = found[1]
        if key not in keys:
            raise ExpressionError(
                f"the Secret {shown(name)} has no key {shown(key)}{hint(key, keys)}", node.offset
            )
        self.sources.add(f"secrets.{name}.values.{key}")
        return self.open(keys[key])

    def _loop(self, node: Path) -> Json:
        loop = self.scope.loop
        if loop is None:
            raise ExpressionError(f"there is no loop around this{_LOOP}", node.offset)
        name, *rest = node.steps
        if name == "item":
            return self._field(loop.item, tuple(rest), "loop.item")
        if name == "index" and not rest:
            return loop.index
        raise ExpressionError(f"loop has no {shown('.'.join(node.steps))}{_LOOP}", node.offset)

    def _call(self, node: Call, env: _Env) -> Json:
        function = BY_NAME.get(node.name)
        if function is None:
            raise ExpressionError(
                f"there is no function fn.{node.name}{hint(node.name, BY_NAME)}", node.offset
            )
        wrong = function.wrong_number(len(node.arguments))
        if wrong:
            raise ExpressionError(wrong, node.offset)
        for index, argument in enumerate(node.arguments):
            if isinstance(argument, Arrow | Regex):
                check_kind(function.parameter(index), argument)
        self.depth += 1
        self.budget.deep(self.depth)
        try:
            result = self._run(function, node, env)
            return self._field(result, node.steps, f"fn.{node.name}")
        except ExpressionError as error:
            if error.offset is None:
                error.offset = node.offset
                error.message = f"fn.{node.name}: {error.message}"
            raise
        finally:
            self.depth -= 1

    def _run(self, function: Function, node: Call, env: _Env) -> Json:
        if function.lazy:
            return function.run(self, *(self._thunk(each, env) for each in node.arguments))
        values = []
        for index, argument in enumerate(node.arguments):
            parameter = function.parameter(index)
            given = self.value(argument, env)
            values.append(converted(given, parameter, argument.offset, self.budget))
        if function.most is not None:
            values += [None] * (function.most - len(values))
        if node.name == "randomSecret":
            self.place = self._place(node.ordinal)
        return function.run(self, *values)

    def _place(self, ordinal: int) -> str:
        """Name this call of randomSecret: which one of the string, and the how manieth time."""
        turn = self.generated.get(ordinal, 0)
        self.generated[ordinal] = turn + 1
        return f"{self.origin}#{ordinal}" + (f".{turn}" if turn else "")

    def _thunk(self, node: Argument, env: _Env) -> Callable[[], Json]:
        return lambda: self.value(node, env)

    def _callback(self, node: Arrow, env: _Env) -> Callable[[Json, int], Json]:
        def apply(item: Json, index: int) -> Json:
            given = zip(node.parameters, (item, index), strict=False)
            self.depth += 1
            self.budget.deep(self.depth)
            try:
                return self.value(node.body, {**env, **dict(given)})
            finally:
                self.depth -= 1

        return apply
