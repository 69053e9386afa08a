"""What the expressions of a value look at, without evaluating them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ebbflow.domain.document.path import Step
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.functions.objects import field_steps
from ebbflow.domain.expression.nesting import TOP, Nesting
from ebbflow.domain.expression.parser import BEGIN, parse
from ebbflow.domain.expression.secret_path import secret_key
from ebbflow.domain.expression.syntax import (
    Argument,
    Arrow,
    Call,
    Hole,
    Literal,
    Path,
    Regex,
    SecretKey,
    Variable,
)


class Found(NamedTuple):
    """One string that holds an expression or an escape. `key`: it is the last step itself."""

    text: str
    steps: tuple[Step, ...]
    level: int
    key: bool


def strings(value: Json, steps: tuple[Step, ...] = (), nesting: Nesting = TOP) -> Iterator[Found]:
    """Return the strings and keys of a value that hold `${`, in the order of the document."""
    match value:
        case str():
            if BEGIN in value:
                yield Found(value, steps, nesting.level, key=False)
        case dict():
            for key, item in value.items():
                if BEGIN in key:
                    yield Found(key, (*steps, key), nesting.level, key=True)
                yield from strings(item, (*steps, key), nesting.below(value, key))
        case list():
            for index, item in enumerate(value):
                yield from strings(item, (*steps, index), nesting)
        case _:
            pass


def walk(node: Argument) -> Iterator[Argument]:
    """Return a node and all nodes below it."""
    yield node
    if isinstance(node, Call):
        for argument in node.arguments:
            yield from walk(argument)
    elif isinstance(node, Arrow):
        yield from walk(node.body)


@dataclass(frozen=True, slots=True)
class References:
    """What expressions name.

    `refs` are whole paths, the ref first: ("db", "status", "phase"); of an output only these are
    needed. `secrets` are Secrets with a key, or None for all of the Secret's keys.
    `fetches`: fetchSecret is called with a name that only the run knows. `secret_keys` are those
    of `${{…}}`, which are never read.
    """

    args: frozenset[str] = field(default_factory=frozenset)
    refs: frozenset[tuple[str, ...]] = field(default_factory=frozenset)
    secrets: frozenset[tuple[str, str | None]] = field(default_factory=frozenset)
    secret_keys: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    fetches: bool = False
    loop: bool = False
    random: bool = False


def references(value: Json, steps: tuple[Step, ...] = (), nesting: Nesting = TOP) -> References:
    """Return what the expressions that `render` would evaluate look at.

    Raises ExpressionError with `steps` for a string that cannot be read; `check` first.
    """
    found = _Collected()
    for string in strings(value, steps, nesting):
        for part in parse(string.text).parts:
            if isinstance(part, Hole) and part.level >= string.level:
                found.take(part.expression)
            elif isinstance(part, SecretKey) and not string.level:
                found.secret_keys.add((part.secret, part.key))
    return References(
        frozenset(found.args),
        frozenset(found.refs),
        frozenset(found.secrets),
        frozenset(found.secret_keys),
        found.fetches,
        found.loop,
        found.random,
    )


@dataclass(slots=True)
class _Collected:
    args: set[str] = field(default_factory=set)
    refs: set[tuple[str, ...]] = field(default_factory=set)
    secrets: set[tuple[str, str | None]] = field(default_factory=set)
    secret_keys: set[tuple[str, str]] = field(default_factory=set)
    fetches: bool = False
    loop: bool = False
    random: bool = False

    def take(self, node: Argument) -> None:
        match node:
            case Path():
                self._path(node)
            case Call():
                self._call(node)
            case Arrow(_, body):
                self.take(body)
            case Literal() | Regex() | Variable():
                pass

    def _path(self, node: Path) -> None:
        match node.root:
            case "args":
                self.args.add(node.steps[0])
            case "refs":
                self.refs.add(node.steps)
            case "secrets":
                key = secret_key(node.steps)
                self.secrets.add(key or (node.steps[0], None))
            case "loop":
                self.loop = True

    def _call(self, node: Call) -> None:
        self.random = self.random or node.name == "randomSecret"
        match node:
            case Call("get", (Path("refs", steps, _), Literal(str() as path)), further):
                self.refs.add((*steps, *field_steps(path), *further))
                return
            case Call("fetchSecret", (Literal(str() as name),)):
                self.secrets.add((name, None))
            case Call("fetchSecret"):
                self.fetches = True
            case _:
                pass
        for argument in node.arguments:
            self.take(argument)
