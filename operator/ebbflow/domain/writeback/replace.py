"""A value replaced as a whole: a scalar by another, or by something of another type."""

from __future__ import annotations

from typing import TypeGuard, assert_never

from ebbflow.domain.document.syntax import Mapping, Node, Scalar
from ebbflow.domain.writeback.block_scalar import change_block_scalar, read_block_scalar
from ebbflow.domain.writeback.block_text import block_lines, inline_text
from ebbflow.domain.writeback.context import Change, Context
from ebbflow.domain.writeback.refusal import CannotEdit
from ebbflow.domain.writeback.scalar_edit import new_scalar_text
from ebbflow.domain.writeback.slot import BlockSlot, FlowSlot, RootSlot
from ebbflow.domain.writeback.splice import Splices

_ALIGNED = 2  # blanks before a comment from which on somebody meant its column


def replace(context: Context, change: Change, out: Splices) -> None:
    """Put the wanted value in the place of the one that is there."""
    match change.slot:
        case RootSlot():
            raise CannotEdit("nothing of the file would be left", change.steps)
        case FlowSlot():
            _replace_in_flow(context, change, change.slot, out)
        case BlockSlot():
            _replace_in_block(context, change, change.slot, out)
        case _:
            assert_never(change.slot)


def _is_block(node: Node) -> bool:
    return not isinstance(node, Scalar) and not node.flow


def _is_block_scalar(node: Node) -> TypeGuard[Scalar]:
    return isinstance(node, Scalar) and node.style in ("|", ">")


def _left_out(node: Node) -> bool:
    return isinstance(node, Scalar) and node.start == node.end


def _replace_in_flow(context: Context, change: Change, slot: FlowSlot, out: Splices) -> None:
    node = change.node
    if isinstance(node, Scalar) and not isinstance(change.wanted, dict | list):
        text = new_scalar_text(context, node, change.wanted, flow=True)
    else:
        text = context.flow.text(change.wanted, slot.indent)
    if not _left_out(node):
        out.replace(node.start, node.end, text)
        return
    if slot.key_end is None:
        raise CannotEdit("an item is left out there", change.steps)
    colon = context.layout.skip(slot.key_end)
    if context.text.startswith(":", colon):
        out.replace(colon + 1, colon + 1, " " + text)
    else:
        out.replace(slot.key_end, slot.key_end, ": " + text)


def _replace_in_block(context: Context, change: Change, slot: BlockSlot, out: Splices) -> None:
    node, wanted = change.node, change.wanted
    if _is_block(node) and isinstance(node, Mapping) and node.tag is not None:
        raise CannotEdit("it has an explicit tag", change.steps)
    if isinstance(wanted, dict | list) and wanted:
        _put_lines(context, change, slot, out)
        return
    if _is_block_scalar(node) and isinstance(wanted, str) and context.style.literal:
        block = read_block_scalar(node, slot.column, context.layout)
        changed = change_block_scalar(block, node, wanted)
        if changed is not None:
            _put_inline(context, change, slot, changed, out)
            return
    _put_inline(context, change, slot, _inline(context, change, slot), out)


def _inline(context: Context, change: Change, slot: BlockSlot) -> tuple[str, list[str]]:
    node, wanted = change.node, change.wanted
    head, tail = inline_text(wanted, slot.column, context.style)
    quoted_now = isinstance(node, Scalar) and (node.style in ("'", '"') or node.tag is not None)
    if (
        isinstance(node, Scalar)
        and not isinstance(wanted, dict | list)
        and (quoted_now or not tail)
    ):
        return new_scalar_text(context, node, wanted, flow=False), []
    return head, tail


def _put_inline(
    context: Context,
    change: Change,
    slot: BlockSlot,
    text: tuple[str, list[str]],
    out: Splices,
) -> None:
    """Put text behind the colon or dash, and lines below."""
    layout, node = context.layout, change.node
    head, tail = text
    mark_line = layout.line(slot.after - 1)
    end = layout.end_of(node)
    if _left_out(node):
        _set(context, slot.after, slot.after, " " + head, out)
        out.insert_lines(layout.after(mark_line), tail)
    elif _is_block_scalar(node):
        _put_block_scalar(context, node, head, tail, out)
    elif not _is_block(node):
        _set(context, node.start, end, head, out)
        out.insert_lines(layout.after(layout.line(end)), tail)
    else:
        last = layout.last_line(end, slot.column)
        if layout.line(node.start) == mark_line:
            out.replace(node.start, layout.end(last), head)
        else:
            _set(context, slot.after, slot.after, " " + head, out)
            out.delete(layout.after(mark_line), layout.after(last))
        out.insert_lines(layout.after(last), tail)


def _put_block_scalar(
    context: Context, node: Scalar, head: str, tail: list[str], out: Splices
) -> None:
    """Replace a block scalar line by line, so that lines that stay are not even touched."""
    layout = context.layout
    header_end = layout.header_end(node)
    header, last = layout.line(node.start), layout.line(layout.end_of(node))
    if context.text[node.start : header_end] != head:
        _set(context, node.start, header_end, head, out)
    if last > header:
        start, end = layout.after(header), layout.end(last)
        if tail:
            out.replace(start, end, layout.newline.join(tail))
        else:
            out.delete(start, layout.after(last))
    else:
        out.insert_lines(layout.after(header), tail)


def _set(context: Context, start: int, end: int, text: str, out: Splices) -> None:
    """Replace what stands on one line; a comment behind it keeps its column if it can."""
    layout = context.layout
    comment = layout.comment_after(end)
    if comment is None or layout.line(start) != layout.line(end):
        out.replace(start, end, text)
        return
    gap = comment - end
    if "\t" in context.text[end:comment] or not (gap >= _ALIGNED or _in_a_column(context, comment)):
        out.replace(start, end, text)
        return
    room = comment - start - len(text)
    out.replace(start, comment, text + " " * max(room, 1))


def _in_a_column(context: Context, comment: int) -> bool:
    """Tell whether a neighbouring line has its comment in the same column."""
    layout = context.layout
    line, column = layout.line(comment), layout.column(comment)
    for other in (line - 1, line + 1):
        if 0 <= other <= layout.line(len(context.text)):
            content = layout.content(other)
            if content[column - 1 : column + 1] == " #" and content[:column].strip():
                return True
    return False


def _put_lines(context: Context, change: Change, slot: BlockSlot, out: Splices) -> None:
    """Put a collection in block style below the key, or behind the dash."""
    layout, node = context.layout, change.node
    mark_line = layout.line(slot.after - 1)
    compact = slot.item and _may_follow_dash(context, node, slot)
    lines = block_lines(change.wanted, _column(context, change, slot), context.style)
    if compact:
        first = lines.pop(0).lstrip(" ")
        if _left_out(node):
            blanks = " " * max(1, _column(context, change, slot) - slot.column - 1)
            out.replace(slot.after, slot.after, blanks + first)
            out.insert_lines(layout.after(mark_line), lines)
            return
        end = layout.end_of(node)
        last = layout.last_line(end, slot.column) if _is_block(node) else layout.line(end)
        out.replace(node.start, layout.end(last), layout.newline.join((first, *lines)))
        return
    _clear(context, change, slot, out)
    last = mark_line if _left_out(node) else layout.line(layout.end_of(node))
    if _is_block(node):
        last = layout.last_line(layout.end_of(node), slot.column)
    out.insert_lines(layout.after(last), lines)


def _clear(context: Context, change: Change, slot: BlockSlot, out: Splices) -> None:
    """Remove the value that is there, and leave the comment behind the colon or dash."""
    layout, node = context.layout, change.node
    if _left_out(node):
        return
    end = layout.end_of(node)
    mark_line = layout.line(slot.after - 1)
    if _is_block_scalar(node):
        out.delete(slot.after, layout.header_end(node))
        out.delete(layout.after(layout.line(node.start)), layout.after(layout.line(end)))
    elif not _is_block(node):
        _set(context, slot.after, end, "", out)
    elif layout.line(node.start) == mark_line:
        raise CannotEdit("a comment stands within what would be replaced", change.steps)
    else:
        out.delete(layout.after(mark_line), layout.after(layout.last_line(end, slot.column)))


def _may_follow_dash(context: Context, node: Node, slot: BlockSlot) -> bool:
    """Tell whether a new collection can begin on the dash's own line."""
    layout = context.layout
    if _left_out(node):
        return layout.comment_after(slot.after) is None
    on_line = layout.line(node.start) == layout.line(slot.after - 1)
    if _is_block(node):
        return on_line
    return on_line and not _is_block_scalar(node) and layout.comment_after(node.end) is None


def _column(context: Context, change: Change, slot: BlockSlot) -> int:
    """Return the column of the new collection: that of the old one if it was of the same type."""
    node, wanted = change.node, change.wanted
    if _is_block(node) and isinstance(node, Mapping) == isinstance(wanted, dict):
        return context.layout.column(node.start)
    if slot.item:
        beside = not _left_out(node) and context.layout.line(node.start) == context.layout.line(
            slot.after
        )
        return context.layout.column(node.start) if beside else slot.column + 2
    deeper = context.style.step if isinstance(wanted, dict) else context.style.dash
    return slot.column + deeper
