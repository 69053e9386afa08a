"""YAML text → syntax tree.

Only libyaml's event stream is used, never its constructors: limits are checked event by event, so
nothing is built of a hostile file beyond them (libyaml's composer crashes at 100,000 nested
brackets, and merge keys and aliases grow without bound).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from ebbflow.domain.document.invalid import InvalidDocument, shown
from ebbflow.domain.document.limits import MAX_DEPTH, MAX_NODES
from ebbflow.domain.document.source import Source
from ebbflow.domain.document.syntax import Mapping, Node, Scalar, Sequence
from ebbflow.domain.document.yaml_scalar import (
    CORE,
    CannotResolve,
    resolve_plain,
    resolve_tagged,
)

# What YAML may hold unescaped (YAML 1.1, c-printable); a byte order mark only at the beginning.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def read_yaml(source: Source) -> Node:
    """Read one YAML document. Raises InvalidDocument with line and column."""
    return _read(_Builder(source)).finish()


def read_yaml_stream(source: Source) -> list[Node]:
    """Read all YAML documents of a file. Raises InvalidDocument with line and column."""
    builder = _read(_Builder(source, several=True))
    return [*builder.earlier, builder.finish()]


def _read(builder: _Builder) -> _Builder:
    source = builder.source
    found = _FORBIDDEN.search(source.text)
    if found:
        raise source.fault(
            f"the character U+{ord(found[0]):04X} cannot stand in YAML; write it as an escape "
            "in double quotes",
            found.start(),
        )
    try:
        if len(source.text) > 2 * MAX_NODES:
            _check_count(source)
        for event in yaml.parse(source.text, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_fault(source, error) from None
    except yaml.YAMLError as error:
        raise source.fault(f"this is not YAML: {error}", 0) from None
    return builder


def _check_count(source: Source) -> None:
    """Count the values before anything is built of them: four times as fast as building."""
    count = depth = 0
    for event in yaml.parse(source.text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.NodeEvent):
            count += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            if count > MAX_NODES:
                raise _too_many(source, _start(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            return  # the builder stops there, and says so


def _too_many(source: Source, offset: int) -> InvalidDocument:
    return source.fault(f"more than {MAX_NODES} values in one document", offset)


def _syntax_fault(source: Source, error: yaml.MarkedYAMLError) -> InvalidDocument:
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index, len(source.text)) if mark else 0
    if source.text[offset : offset + 1] == "\t":
        return source.fault("a tab cannot indent YAML; use spaces", offset)
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return source.fault(f"this is not YAML: {words}", offset)


def _start(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _end(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0


@dataclass(slots=True)
class _Builder:
    """Takes events one by one; an explicit stack, so that depth costs no Python frames."""

    source: Source
    several: bool = False
    earlier: list[Node] = field(default_factory=list)  # the documents before this one
    stack: list[Mapping | Sequence] = field(default_factory=list)
    pending: list[Scalar | None] = field(default_factory=list)  # the key that waits for its value
    root: Node | None = None
    count: int = 0
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.stack.pop().end = _end(event)
            self.pending.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise self.source.fault("aliases are not allowed; write the value out", _start(event))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(_start(event))

    def finish(self) -> Node:
        if self.root is None:
            raise self.source.fault("the file holds no document", 0)
        return self.root

    def _document(self, offset: int) -> None:
        self.documents += 1
        if self.several and self.root is not None:
            self.earlier.append(self.root)
            self.root = None
        elif self.documents > 1:
            raise self.source.fault("a file holds one document; a second begins here", offset)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start = _start(event)
        self._admit(event, start)
        node = Scalar(start, _end(event), event.style or "", event.value, event.value, event.tag)
        if self._awaits_key():
            self._key(node)
            return
        try:
            if event.tag is not None:
                node.value = resolve_tagged(event.tag, event.value)
            elif event.implicit[0]:
                node.value = resolve_plain(event.value)
        except CannotResolve as error:
            raise self.source.fault(str(error), start) from None
        if "\0" in event.value:
            raise self.source.fault("the string holds a NUL character", start)
        self._place(node)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        start = _start(event)
        self._admit(event, start)
        if self._awaits_key():
            raise self.source.fault("a key must be a string", start)
        if len(self.stack) >= MAX_DEPTH:
            raise self.source.fault(f"nested deeper than {MAX_DEPTH} levels", start)
        is_map = isinstance(event, yaml.MappingStartEvent)
        if event.tag is not None and event.tag != CORE + ("map" if is_map else "seq"):
            raise self.source.fault(f"the tag {shown(event.tag)} may not be used here", start)
        node: Mapping | Sequence
        flow = bool(event.flow_style)
        if is_map:
            node = Mapping(start, start, flow, event.tag, [], [], {})
        else:
            node = Sequence(start, start, flow, event.tag, [], [])
        self._place(node)
        self.stack.append(node)
        self.pending.append(None)

    def _admit(self, event: yaml.NodeEvent, start: int) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise _too_many(self.source, start)
        if event.anchor is not None:
            raise self.source.fault("anchors are not allowed; write the value out", start)

    def _awaits_key(self) -> bool:
        return bool(self.stack) and self.pending[-1] is None and isinstance(self.stack[-1], Mapping)

    def _key(self, node: Scalar) -> None:
        """A key is the text as it was written: `on`, `1` and `0755` stay what they are."""
        plain = node.style == "" and node.tag is None
        if plain and node.text == "<<":
            raise self.source.fault(
                "merge keys (<<) are not allowed; write the fields out", node.start
            )
        if node.tag not in (None, CORE + "str"):
            raise self.source.fault("a key must be a string, without a tag", node.start)
        if plain and not node.text:
            raise self.source.fault("a key is missing before the colon", node.start)
        if "\0" in node.text:
            raise self.source.fault("the key holds a NUL character", node.start)
        owner = self.stack[-1]
        if node.text in owner.value:
            raise self.source.fault(f"the key {shown(node.text)} is there twice", node.start)
        self.pending[-1] = node

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        owner = self.stack[-1]
        if isinstance(owner, Sequence):
            owner.items.append(node)
            owner.value.append(node.value)
            return
        key = self.pending[-1]
        self.pending[-1] = None
        if key is not None:
            owner.keys.append(key)
            owner.values.append(node)
            owner.value[key.text] = node.value
