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
class Shape:
    """`depth`: of comprehensions in each other, the deepest beginning at `deepest`.

    `words`, `costly` and `matches` count what is evaluated, `bound` are the variables that
    comprehensions bring along.
    """

    depth: int
    deepest: int
    words: int
    costly: int
    matches: int
    bound: frozenset[str]
    mentions: tuple[Mention, ...]


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
    open_calls: list[str] = []
    depth = deepest = 0
    bound: set[str] = set()
    mentions: list[Mention] = []
    for index, word in enumerate(words):
        if word.text in ("(", "[", "{"):
            name = _called(words, index)
            open_calls.append(name)
            nested = sum(call in MACROS for call in open_calls)
            if name in MACROS:
                bound.update(w.text for w in words[index + 1 : index + 2] if w.kind == "name")
                depth, deepest = max((nested, word.offset), (depth, deepest), key=_first)
        elif word.text in (")", "]", "}") and open_calls:
            open_calls.pop()
        elif word.kind in ("name", "text"):
            plain = word.text if word.kind == "name" else word.text.lstrip("bBrR").strip("'\"")
            mentions.append(Mention(plain, word.offset, "has" in open_calls))
    return Shape(
        depth=depth,
        deepest=deepest,
        words=len(words),
        costly=sum(word.text in _COSTLY for word in words),
        matches=sum(word.text == "matches" for word in words),
        bound=frozenset(bound),
        mentions=tuple(mentions),
    )


def work(expression: Shape, extent: Extent) -> int:
    """Estimate the steps that an evaluation needs at worst.

    Every comprehension may go through the longest collection, and everything costly inside of it
    may have to look at all values.
    """
    rounds: int = max(extent.longest, 1) ** expression.depth
    each = expression.words + expression.costly * extent.values + expression.matches * MATCH_WORK
    return rounds * each


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


def _first(pair: tuple[int, int]) -> int:
    return pair[0]
