"""Editing a file in place: the text is changed, never written anew."""

from __future__ import annotations

import re
from dataclasses import replace as replace_fields

from ebbflow.domain.document import InvalidDocument, ParsedDocument, normalise, read
from ebbflow.domain.document.normal import differences, identical
from ebbflow.domain.document.source import Source
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
    fault: CannotEdit | None = None
    for literal in (True, False):
        # A comment that is indented deep would become part of a block scalar written before it.
        result = _edited(parsed, Change(parsed.root, have, goal, RootSlot(), ()), literal=literal)
        fault = _fault(result, path, goal)
        if fault is not None and not result.endswith(b"\n"):
            # A block scalar that became the file's last lines needs the line break at its end.
            result += Layout(parsed.source.text).newline.encode()
            fault = _fault(result, path, goal)
        if fault is None:
            return result
    raise fault or CannotEdit("the edited text would be read differently")


def encoded(source: Source, text: str) -> bytes:
    """Encode the text of a file. Raises CannotEdit if a string in it is no Unicode."""
    try:
        return source.encode(text)
    except UnicodeEncodeError:
        raise CannotEdit("a string holds half of a surrogate pair") from None


def _edited(parsed: ParsedDocument, change: Change, *, literal: bool) -> bytes:
    layout = Layout(parsed.source.text)
    style = style_of(parsed.root, layout) if parsed.yaml else Style()
    context = Context(
        layout,
        parsed.yaml,
        replace_fields(style, literal=literal),
        _flow_style(parsed, layout, style),
        _apply,
    )
    out = context.splices()
    _apply(context, change, out)
    return encoded(parsed.source, out.render())


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


def _fault(result: bytes, path: str, goal: dict[str, Json]) -> CannotEdit | None:
    """Read the result again: what is committed is what was wanted, or nothing is."""
    try:
        now = normalise(read(result, path).value)
    except InvalidDocument as error:
        return CannotEdit(f"the edited text would not be valid: {error}")
    if identical(now, goal):
        return None
    wrong = differences(now, goal)
    return CannotEdit("the edited text would be read differently", wrong[0] if wrong else ())
