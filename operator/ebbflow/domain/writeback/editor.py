"""Editing a file in place: the text is changed, never written anew."""

from __future__ import annotations

import re

from ebbflow.domain.document import InvalidDocument, ParsedDocument, normalise, read
from ebbflow.domain.document.normal import differences, identical
from ebbflow.domain.document.syntax import Json, Mapping, Node, Scalar, Sequence
from ebbflow.domain.writeback.block_edit import edit_block_mapping, edit_block_sequence
from ebbflow.domain.writeback.context import Change, Context
from ebbflow.domain.writeback.flow_edit import edit_flow_mapping, edit_flow_sequence
from ebbflow.domain.writeback.flow_text import FlowStyle
from ebbflow.domain.writeback.layout import Layout
from ebbflow.domain.writeback.refusal import CannotEdit
from ebbflow.domain.writeback.replace import replace
from ebbflow.domain.writeback.slot import RootSlot
from ebbflow.domain.writeback.splice import Splices
from ebbflow.domain.writeback.style import Style, style_of

_FIRST_INDENT = re.compile(r"\{[ \t]*\r?\n([ \t]+)\S")


def edit(data: bytes, path: str, wanted: dict[str, Json]) -> bytes:
    """Change a file so that it is read as `wanted`, touching only the lines of what changed.

    `data` is returned itself if there is nothing to change. Raises CannotEdit, with the field
    path and the reason, where that cannot be done, and InvalidDocument if the file cannot be
    read or `wanted` is no JSON. What is returned has been read again and compared.
    """
    parsed = read(data, path)
    have, goal = normalise(parsed.value), normalise(wanted)
    if identical(have, goal):
        return data
    layout = Layout(parsed.source.text)
    context = _context(parsed, layout)
    out = context.splices()
    context.apply(Change(parsed.root, have, goal, RootSlot(), ()), out)
    result = parsed.source.encode(out.render())
    _check(result, path, goal)
    return result


def _context(parsed: ParsedDocument, layout: Layout) -> Context:
    def apply(change: Change, out: Splices) -> None:
        _apply(context, change, out)

    style = style_of(parsed.root, layout) if parsed.yaml else Style()
    context = Context(layout, parsed.yaml, style, _flow_style(parsed, layout, style), apply)
    return context


def _flow_style(parsed: ParsedDocument, layout: Layout, style: Style) -> FlowStyle:
    text, newline = parsed.source.text, layout.newline
    if parsed.yaml:
        return FlowStyle(yaml=True, quote=style.quote, newline=newline)
    found = _FIRST_INDENT.match(text, parsed.root.start)
    minified = "\n" not in text.strip() and '":' in text and '": ' not in text
    return FlowStyle(
        yaml=False,
        unit=found[1] if found else "  ",
        colon=":" if minified else ": ",
        comma="," if minified else ", ",
        newline=newline,
    )


def _apply(context: Context, change: Change, out: Splices) -> None:
    """Edit one value, by the way that fits what it is and what it should be."""
    if identical(change.have, change.wanted):
        return
    node: Node = change.node
    match node, change.wanted:
        case Mapping(), dict() if node.keys and change.wanted:
            edit_mapping = edit_flow_mapping if node.flow else edit_block_mapping
            edit_mapping(context, change, node, out)
        case Sequence(), list() if node.items and change.wanted:
            edit_sequence = edit_flow_sequence if node.flow else edit_block_sequence
            edit_sequence(context, change, node, out)
        case Mapping() | Sequence() | Scalar(), _:
            replace(context, change, out)


def _check(result: bytes, path: str, goal: dict[str, Json]) -> None:
    """Read the result again: what is committed is what was wanted, or nothing is."""
    try:
        now = normalise(read(result, path).value)
    except InvalidDocument as error:
        raise CannotEdit(f"the edited text would not be valid: {error}") from error
    if not identical(now, goal):
        wrong = differences(now, goal)
        raise CannotEdit("the edited text would be read differently", wrong[0] if wrong else ())
