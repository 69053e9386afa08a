"""JSON text → syntax tree, strictly by RFC 8259, with the place of every value and fault.

The standard library's parser gives no places, takes NaN and duplicate keys, and recurses; this
one keeps its own stack and checks every limit before it builds anything.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field

from ebbflow.domain.document.invalid import InvalidDocument, shown
from ebbflow.domain.document.limits import MAX_DEPTH, MAX_INTEGER, MAX_NODES, MIN_INTEGER
from ebbflow.domain.document.source import Source
from ebbflow.domain.document.syntax import Json, Mapping, Node, Scalar, Sequence

# Possessive quantifiers: a long string must cost no backtracking memory.
_TOKEN = re.compile(
    r'(?P<mark>[{}\[\]:,])|(?P<string>"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*+)(?P<broken>\.[0-9]++)?(?P<power>[eE][-+]?[0-9]++)?)(?![\w.+-])"
    r"|(?P<word>true|false|null)(?!\w)"
)
# Every key, every comma, and every bracket that is not closed at once stand for one value.
_COUNTED = re.compile(
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+"(?P<key>\s*+:)?|(?P<comma>,)|(?P<empty>\{\s*+\}|\[\s*+\])'
    r"|(?P<open>[{\[])|(?P<close>[}\]])",
    re.DOTALL,
)
_SPACE = re.compile(r"[ \t\n\r]*+")
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
_COMMENTS = ("//", "/*", "#")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_INTEGER = len(str(MIN_INTEGER))

_Container = Mapping | Sequence


def read_json(source: Source) -> Node:
    """Read one JSON document. Raises InvalidDocument with line and column."""
    if len(source.text) > 2 * MAX_NODES:
        _check_count(source)
    return _Reader(source).read()


def _check_count(source: Source) -> None:
    """Count the values before anything is built of them: brackets, keys, and what commas part."""
    count = depth = 0
    for found in _COUNTED.finditer(source.text):
        kind = found.lastgroup
        count += kind in ("key", "comma", "open")
        depth += (kind == "open") - (kind == "close")
        if count > MAX_NODES:
            raise _too_many(source, found.start())
        if depth > MAX_DEPTH:
            return  # the reader stops there, and says so


def _too_many(source: Source, offset: int) -> InvalidDocument:
    return source.fault(f"more than {MAX_NODES} values in one document", offset)


@dataclass(slots=True)
class _Reader:
    source: Source
    offset: int = 0
    count: int = 0
    stack: list[_Container] = field(default_factory=list)
    root: Node | None = None

    def read(self) -> Node:
        self._skip()
        if self.offset == len(self.source.text):
            raise self._fault("the file holds no document")
        self._value()
        while self.stack:
            self._member(self.stack[-1])
        self._skip()
        if self.offset < len(self.source.text):
            raise self._fault("a file holds one document; there is more after its end")
        if self.root is None:
            raise self._fault("the file holds no document")
        return self.root

    def _member(self, owner: _Container) -> None:
        """Read the next member of the innermost container, or its end."""
        closing = "}" if isinstance(owner, Mapping) else "]"
        first = not (owner.keys if isinstance(owner, Mapping) else owner.items)
        self._skip()
        if self._sees(closing):
            self.offset += 1
            owner.end = self.offset
            self.stack.pop()
            return
        if not first:
            self._comma(closing)
        if isinstance(owner, Mapping):
            self._key(owner)
        self._value()

    def _comma(self, closing: str) -> None:
        if not self._sees(","):
            line = self.source.position(self._last_written())[0]
            raise self._fault(
                f"expected a comma or {closing} here; is a comma missing at the end of line {line}?"
            )
        self.offset += 1
        self._skip()
        if self._sees(closing):
            raise self._fault("JSON takes no comma before the end; remove it")

    def _key(self, owner: Mapping) -> None:
        start = self.offset
        token = _TOKEN.match(self.source.text, start)
        if token is None or token.lastgroup != "string":
            raise self._fault("expected a key in double quotes")
        text = self._string(token)
        if text in owner.value:
            raise self._fault(f"the key {shown(text)} is there twice")
        self._count(start)
        self.offset = token.end()
        owner.keys.append(Scalar(start, self.offset, '"', text, text))
        owner.value[text] = None
        self._skip()
        if not self._sees(":"):
            raise self._fault("expected a colon after the key")
        self.offset += 1
        self._skip()

    def _value(self) -> None:
        start = self.offset
        token = _TOKEN.match(self.source.text, start)
        if token is None:
            raise self._unexpected()
        self._count(start)
        node: Node
        match token["mark"]:
            case None:
                node = Scalar(start, token.end(), *self._scalar(token))
            case "{":
                node = Mapping(start, start, True, None, [], [], {})
            case "[":
                node = Sequence(start, start, True, None, [], [])
            case _:
                raise self._unexpected()
        self.offset = token.end()
        self._place(node)
        if not isinstance(node, Scalar):
            if len(self.stack) >= MAX_DEPTH:
                raise self.source.fault(f"nested deeper than {MAX_DEPTH} levels", start)
            self.stack.append(node)

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        owner = self.stack[-1]
        if isinstance(owner, Mapping):
            owner.values.append(node)
            owner.value[owner.keys[-1].text] = node.value
        else:
            owner.items.append(node)
            owner.value.append(node.value)

    def _scalar(self, token: re.Match[str]) -> tuple[str, str, Json]:
        if token["string"] is not None:
            text = self._string(token)
            return '"', text, text
        if token["word"] is not None:
            return "", token[0], _WORDS[token[0]]
        return "", token[0], self._number(token)

    def _string(self, token: re.Match[str]) -> str:
        raw = token[0]
        if "\\" not in raw:
            return raw[1:-1]
        try:
            text = str(json.loads(raw))
        except ValueError:
            raise self._fault(
                "the string holds a wrong escape; a backslash is written \\\\"
            ) from None
        if _SURROGATE.search(text):
            raise self._fault("the string holds half of a surrogate pair")
        if "\0" in text:
            raise self._fault("the string holds a NUL character")
        return text

    def _number(self, token: re.Match[str]) -> int | float:
        text = token[0]
        if token["broken"] is None and token["power"] is None:
            integer = int(text) if len(text) <= _LONGEST_INTEGER else MAX_INTEGER + 1
            if not MIN_INTEGER <= integer <= MAX_INTEGER:
                raise self._fault(
                    "the integer does not fit into 64 bits, so the API server would lose digits; "
                    "put it in quotes to make it a string"
                )
            return integer
        number = float(text)
        if math.isinf(number):
            raise self._fault("the number is too large; put it in quotes to make it a string")
        return number

    def _count(self, start: int) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise _too_many(self.source, start)

    def _skip(self) -> None:
        found = _SPACE.match(self.source.text, self.offset)
        if found:
            self.offset = found.end()

    def _sees(self, mark: str) -> bool:
        return self.source.text.startswith(mark, self.offset)

    def _last_written(self) -> int:
        return len(self.source.text[: self.offset].rstrip(" \t\r\n"))

    def _fault(self, message: str) -> InvalidDocument:
        if self.source.text.startswith(_COMMENTS, self.offset):
            # Whatever was expected here.
            message = "JSON has no comments; use a file that ends in .yaml"
        return self.source.fault(message, self.offset)

    def _unexpected(self) -> InvalidDocument:
        rest = self.source.text[self.offset : self.offset + 20]
        if not rest:
            return self._fault("the file ends too early; a bracket or value is missing")
        if rest[0] == '"':
            return self._fault("the string has no end, or a line break or tab in it")
        if rest[0] == "'":
            return self._fault("JSON strings stand in double quotes")
        if rest.startswith(("NaN", "Infinity", "-Infinity")):
            return self._fault("JSON has no NaN and no Infinity")
        return self._fault(f"expected a value, not {shown((rest.split() or [rest])[0])}")
