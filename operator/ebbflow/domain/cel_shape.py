"""What can be seen of a CEL expression without evaluating it: how deep, how dear, what it names.

The words of the language are those of the CEL specification (https://github.com/google/cel-spec,
doc/langdef.md). The scan is only a lower bound of a syntax check: the compiler has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ebbflow.domain.cel import MAX_WORK
from ebbflow.domain.secret import Tainted

MACROS: Final = frozenset(("all", "exists", "exists_one", "map", "filter"))

MATCH_WORK: Final = 20_000
"""What one regular expression counts for: it is built anew at each evaluation."""

_RESERVED: Final = frozenset(("true", "false", "null", "in"))

TEXT_UNIT: Final = 32
"""Characters of a text that count as one step: they are compared and copied in one go."""

_COSTLY: Final = frozenset(("+", "==", "!=", "<", "<=", ">", ">=", "in", "contains", "string"))
"""What may have to look at, or copy, whole values."""

_TOKEN: Final = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*)
  | (?P<text>[bBrR]{0,2}(?:\"\"\"(?s:.*?)\"\"\"|'''(?s:.*?)'''
      |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
  | (?P<number>[0-9][0-9A-Za-z_.]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>==|!=|<=|>=|&&|\|\||(?s:.))
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign, and the offset where it begins."""

    kind: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A name that the expression has in it, as a field or as a text.

    `guarded`: it stands inside of `has(…)`, which only asks whether it is there.
    """

    name: str
    offset: int
    guarded: bool


@dataclass(frozen=True, slots=True)
class Loop:
    """One comprehension: what it is, how deep it stands (from 1), and what its body holds.

    `outer`: the body names something else than the loop's own variable. `builds`: it makes lists
    or objects. `plus` counts its signs of addition, which also join lists and texts.
    """

    macro: str
    depth: int
    offset: int
    words: int
    outer: bool
    builds: bool
    plus: int

    @property
    def collects(self) -> bool:
        """Whether its result is a list, which the evaluator copies for each item that it adds."""
        return self.macro in ("map", "filter")


@dataclass(frozen=True, slots=True)
class Shape:
    """`words`, `costly` and `matches` count what is evaluated, `plus` the additions outside of
    loops; `bound` are the variables that loops bring along.
    """

    loops: tuple[Loop, ...]
    words: int
    costly: int
    matches: int
    plus: int
    bound: frozenset[str]
    mentions: tuple[Mention, ...]

    @property
    def deepest(self) -> Loop | None:
        """The first of the loops that stand deepest in each other."""
        return max(self.loops, key=lambda loop: (loop.depth, -loop.offset), default=None)


@dataclass(frozen=True, slots=True)
class Extent:
    """How large values are: their number with all below, and the longest list or map."""

    values: int
    longest: int


def tokens(source: str) -> Iterator[Token]:
    """Return the expression's words and signs, without blanks and comments."""
    for match in _TOKEN.finditer(source):
        if match.lastgroup != "blank":
            yield Token(match.lastgroup or "", match.group(), match.start())


def shape(source: str) -> Shape:
    """Look at an expression; never fails, whatever the text is."""
    words = tuple(tokens(source))
    scan = _Scan(words)
    for index in range(len(words)):
        scan.take(index)
    texts = [word.text for word in words]
    return Shape(
        loops=tuple(body.loop(len(words)) for body in scan.bodies),
        words=len(words),
        costly=sum(text in _COSTLY for text in texts),
        matches=texts.count("matches"),
        plus=scan.plus,
        bound=frozenset(body.variable for body in scan.bodies if body.variable),
        mentions=tuple(scan.mentions),
    )


@dataclass(slots=True)
class _Body:
    """The inside of a comprehension while it is scanned."""

    macro: str
    depth: int
    offset: int
    first: int
    variable: str
    end: int | None = None
    outer: bool = False
    builds: bool = False
    plus: int = 0

    def note(self, word: Token, is_root: bool) -> None:
        self.plus += word.text == "+"
        self.builds |= word.text in ("[", "{")
        self.outer |= is_root and word.text != self.variable

    def loop(self, words: int) -> Loop:
        inside = (words if self.end is None else self.end) - self.first
        return Loop(self.macro, self.depth, self.offset, inside, self.outer, self.builds, self.plus)


class _Scan:
    """The comprehensions and names of an expression, word by word."""

    def __init__(self, words: tuple[Token, ...]) -> None:
        self.words = words
        self.bodies: list[_Body] = []
        self.mentions: list[Mention] = []
        self.plus = 0
        self._open: list[str | _Body] = []

    def take(self, index: int) -> None:
        """Look at the next word."""
        word = self.words[index]
        inside = [frame for frame in self._open if isinstance(frame, _Body)]
        for body in inside:
            body.note(word, _is_root(self.words, index))
        self.plus += word.text == "+" and not inside
        if word.text in ("(", "[", "{"):
            self._enter(index, len(inside) + 1)
        elif word.text in (")", "]", "}") and self._open:
            closed = self._open.pop()
            if isinstance(closed, _Body):
                closed.end = index
        elif word.kind in ("name", "text"):
            plain = word.text if word.kind == "name" else word.text.lstrip("bBrR").strip("'\"")
            self.mentions.append(Mention(plain, word.offset, "has" in self._open))

    def _enter(self, index: int, depth: int) -> None:
        name = _called(self.words, index)
        if name not in MACROS:
            self._open.append(name)
            return
        following = self.words[index + 1 : index + 2]
        variable = next((word.text for word in following if word.kind == "name"), "")
        body = _Body(name, depth, self.words[index - 1].offset, index + 1, variable)
        self.bodies.append(body)
        self._open.append(body)


def work(expression: Shape, extent: Extent) -> int:
    """Estimate the steps that an evaluation needs at worst.

    Every loop may go through the longest list that there is or that can be made, everything costly
    may have to look at the largest value that there is or can be made, and a loop that collects
    copies what it has with every item (so the evaluator does it).
    """
    longest = max(extent.longest, expression.words) * (1 + expression.plus)
    largest = extent.values
    for loop in expression.loops:
        longest *= 1 + loop.plus * loop.collects
        largest *= _growth(loop, extent)
    depth = max((loop.depth for loop in expression.loops), default=0)
    each = expression.words + expression.costly * largest + expression.matches * MATCH_WORK
    copies = sum(longest**loop.depth * largest for loop in expression.loops if loop.collects)
    total: int = longest**depth * each + copies
    return total


def _growth(loop: Loop, extent: Extent) -> int:
    """How many times larger than what there was before a loop's result can be."""
    if not loop.collects:
        return 1
    if loop.outer:
        return max(extent.longest, 1) * loop.words
    return loop.words if loop.builds or loop.plus else 1


def too_much(expression: Shape, extent: Extent) -> bool:
    """Tell whether an evaluation could take too long."""
    return work(expression, extent) > MAX_WORK


def extent_of(value: Any) -> Extent:
    """Measure a JSON value (secrets count as one)."""
    values = longest = 0
    ahead = [value]
    while ahead:
        item = ahead.pop()
        values += 1
        if isinstance(item, str):
            values += len(item) // TEXT_UNIT
        elif isinstance(item, (Mapping, list, tuple)):
            longest = max(longest, len(item))
            ahead.extend(item.values() if isinstance(item, Mapping) else item)
    return Extent(values, longest)


def without_secrets(value: Any) -> tuple[Any, frozenset[str]]:
    """Return a JSON value with null for every secret, and the keys that secrets are under.

    A secret in a list is under the list's key.
    """
    keys: set[str] = set()
    return _public(value, "", keys), frozenset(keys)


def _public(value: Any, key: str, keys: set[str]) -> Any:
    match value:
        case Tainted():
            keys.add(key)
            return None
        case Mapping():
            return {name: _public(item, name, keys) for name, item in value.items()}
        case list() | tuple():
            return [_public(item, key, keys) for item in value]
        case _:
            return value


def _called(words: tuple[Token, ...], index: int) -> str:
    """The name that stands before an opening parenthesis; empty for other brackets.

    Comprehensions are methods: `map(…)` alone is none.
    """
    if words[index].text != "(" or index == 0 or words[index - 1].kind != "name":
        return ""
    name = words[index - 1].text
    is_method = index > 1 and words[index - 2].text == "."
    return name if is_method or name not in MACROS else ""


def _is_root(words: tuple[Token, ...], index: int) -> bool:
    """Tell whether a word is the name of a variable: no field, no function, no word of CEL."""
    word = words[index]
    if word.kind != "name" or word.text in _RESERVED:
        return False
    is_field = index > 0 and words[index - 1].text == "."
    is_called = index + 1 < len(words) and words[index + 1].text == "("
    return not (is_field or is_called)
