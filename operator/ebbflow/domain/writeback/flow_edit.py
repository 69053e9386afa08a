"""Changed fields and items between brackets: YAML's flow style, and all of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replace_fields

from ebbflow.domain.document.syntax import Mapping, Node, Scalar, Sequence
from ebbflow.domain.writeback.align import match_items
from ebbflow.domain.writeback.block_text import common_quote
from ebbflow.domain.writeback.context import Change, Context
from ebbflow.domain.writeback.flow_text import FlowStyle
from ebbflow.domain.writeback.order import canonical_order, in_order, predecessor
from ebbflow.domain.writeback.refusal import CannotEdit
from ebbflow.domain.writeback.replace import replace
from ebbflow.domain.writeback.slot import FlowSlot, RootSlot
from ebbflow.domain.writeback.splice import Splices


@dataclass(frozen=True, slots=True)
class _Frame:
    """A collection between brackets: its entries' places, and what stands between them."""

    text: str
    node: Mapping | Sequence
    spans: list[tuple[int, int]]
    indent: str | None  # of its entries, if they stand on lines of their own

    def head(self) -> str:
        return self.text[self.node.start + 1 : self.spans[0][0]]

    def tail(self) -> str:
        return self.text[self.spans[-1][1] : self.node.end - 1]

    def gap(self, index: int) -> str:
        return self.text[self.spans[index][1] : self.spans[index + 1][0]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as it will stand there, and which one it was, if it was there."""

    text: str
    old: int | None


def edit_flow_mapping(context: Context, change: Change, node: Mapping, out: Splices) -> None:
    """Edit the fields of an object between brackets."""
    have, wanted = change.have, change.wanted
    if not any(key in wanted for key in have):
        _replace_whole(context, change, out)
        return
    frame = _mapping_frame(context, node)
    children = [
        change.child(value, key.text, key.text, FlowSlot(key.end, frame.indent))
        if key.text in wanted
        else None
        for key, value in zip(node.keys, node.values, strict=True)
    ]
    if have.keys() == wanted.keys():
        for child in children:
            if child is not None:
                context.apply(child, out)
        return
    entries = [
        _Entry(_rendered(context, child, frame.spans[index]), index)
        for index, child in enumerate(children)
        if child is not None
    ]
    _insert_fields(context, change, node, frame, entries)
    _recompose(context, change, frame, entries, out)


def _insert_fields(
    context: Context, change: Change, node: Mapping, frame: _Frame, entries: list[_Entry]
) -> None:
    wanted = change.wanted
    order = canonical_order(wanted, document=isinstance(change.slot, RootSlot))
    names = [key.text for key in node.keys if key.text in wanted]
    colon, flow = _colon(context, node), _like(context, node)
    for key in in_order((key for key in wanted if key not in change.have), order):
        before = predecessor(key, names, order)
        place = len(names) if before == names[-1] else names.index(before) + 1
        text = flow.key(key) + colon + flow.text(wanted[key], frame.indent)
        names.insert(place, key)
        entries.insert(place, _Entry(text, None))


def _like(context: Context, node: Mapping | Sequence) -> FlowStyle:
    """Return the style of new entries: in quotes if all strings beside them are."""
    quote = common_quote(node) if context.yaml else None
    return replace_fields(context.flow, quote=quote, always_quote=True) if quote else context.flow


def _colon(context: Context, node: Mapping) -> str:
    """Return what stands between the keys and values of an object, if it is on one line."""
    between = context.text[node.keys[0].end : node.values[0].start]
    return between if between.strip(" \t") == ":" and (between != ":" or not context.yaml) else ": "


def edit_flow_sequence(context: Context, change: Change, node: Sequence, out: Splices) -> None:
    """Edit the items of a list between brackets."""
    matches = match_items(change.have, change.wanted)
    if all(old is None for old in matches):
        _replace_whole(context, change, out)
        return
    spans = [(item.start, item.end) for item in node.items]
    frame = _Frame(context.text, node, spans, _indent(context, node, spans))
    slot = FlowSlot(None, frame.indent)
    if matches == list(range(len(node.items))):
        for index, item in enumerate(node.items):
            context.apply(change.child(item, index, index, slot), out)
        return
    flow = _like(context, node)
    entries = [
        _Entry(flow.text(change.wanted[index], frame.indent), None)
        if old is None
        else _Entry(
            _rendered(context, change.child(node.items[old], old, index, slot), spans[old]), old
        )
        for index, old in enumerate(matches)
    ]
    _recompose(context, change, frame, entries, out)


def _replace_whole(context: Context, change: Change, out: Splices) -> None:
    """Write the collection anew, between brackets as it was (an empty one as its place allows)."""
    node = change.node
    if change.have and change.wanted and not isinstance(change.slot, RootSlot):
        indent = change.slot.indent if isinstance(change.slot, FlowSlot) else None
        out.replace(node.start, node.end, context.flow.text(change.wanted, indent))
        return
    replace(context, change, out)


def _mapping_frame(context: Context, node: Mapping) -> _Frame:
    spans = [
        (key.start, _entry_end(context, key, value))
        for key, value in zip(node.keys, node.values, strict=True)
    ]
    return _Frame(context.text, node, spans, _indent(context, node, spans))


def _entry_end(context: Context, key: Scalar, value: Node) -> int:
    if value.start != value.end:
        return value.end
    colon = context.layout.skip(key.end)  # the value was left out: after the colon, if there is one
    return colon + 1 if context.text.startswith(":", colon) else key.end


def _indent(context: Context, node: Node, spans: list[tuple[int, int]]) -> str | None:
    """Return the indentation of the entries if they stand on lines of their own.

    None as well for YAML, where what is new between brackets stays on one line.
    """
    head = context.text[node.start + 1 : spans[0][0]]
    if context.yaml or "\n" not in head:
        return None
    return head.rpartition("\n")[2]


def _rendered(context: Context, change: Change, span: tuple[int, int]) -> str:
    own = context.splices()
    context.apply(change, own)
    return own.render(*span)


def _recompose(
    context: Context, change: Change, frame: _Frame, entries: list[_Entry], out: Splices
) -> None:
    """Put the entries together again with the very separators that stood between them."""
    node = frame.node
    if context.text[node.start : node.start + 1] not in ("{", "["):
        raise CannotEdit("it has no brackets of its own", change.steps)
    between = [frame.head(), frame.tail(), *map(frame.gap, range(len(frame.spans) - 1))]
    if any("#" in piece or "?" in piece for piece in between):
        raise CannotEdit(
            "comments or question marks stand between the entries of a flow collection; "
            "write it in block style",
            change.steps,
        )
    pieces = [context.text[node.start], frame.head()]
    for index, entry in enumerate(entries):
        pieces.append(entry.text)
        if index + 1 < len(entries):
            pieces.append(_separator(context, frame, entry, entries[index + 1]))
    pieces += [frame.tail(), context.text[node.end - 1]]
    out.replace(node.start, node.end, "".join(pieces))


def _separator(context: Context, frame: _Frame, entry: _Entry, following: _Entry) -> str:
    last = len(frame.spans) - 1
    if entry.old is not None and entry.old < last:
        return frame.gap(entry.old)
    if following.old:
        return frame.gap(following.old - 1)
    if last > 0:
        return frame.gap(last - 1)
    return "," + frame.head() if "\n" in frame.head() else context.flow.comma
