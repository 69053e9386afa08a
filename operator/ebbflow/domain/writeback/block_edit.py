"""Changed fields and items of block style collections: whole lines come and go."""

from __future__ import annotations

from dataclasses import dataclass

from ebbflow.domain.document.syntax import Json, Mapping, Sequence
from ebbflow.domain.writeback.align import Matches, in_order, match_items
from ebbflow.domain.writeback.block_text import entry_lines, item_lines, quoted_sibling
from ebbflow.domain.writeback.context import Change, Context
from ebbflow.domain.writeback.order import canonical_order, predecessor
from ebbflow.domain.writeback.order import in_order as sorted_by
from ebbflow.domain.writeback.refusal import CannotEdit
from ebbflow.domain.writeback.replace import replace
from ebbflow.domain.writeback.slot import BlockSlot, RootSlot
from ebbflow.domain.writeback.splice import Splices


@dataclass(frozen=True, slots=True)
class Extent:
    """The lines that an entry takes: from its own comments to the end of its value."""

    first: int
    last: int


def edit_block_mapping(context: Context, change: Change, node: Mapping, out: Splices) -> None:
    """Edit the fields of an object in block style."""
    have, wanted = change.have, change.wanted
    if not any(key in wanted for key in have):
        replace(context, change, out)
        return
    if have.keys() != wanted.keys():
        _check_simple(context, change, node)
    column = context.layout.column(node.keys[0].start)
    for key, value in zip(node.keys, node.values, strict=True):
        if key.text in wanted:
            after = context.layout.skip(key.end) + 1
            slot = BlockSlot(after, column, item=False)
            context.apply(change.child(value, key.text, key.text, slot), out)
    if have.keys() != wanted.keys():
        extents = _mapping_extents(context, change, node, column)
        _remove_keys(context, change, node, extents, out)
        _insert_keys(context, change, node, extents, out)


def _check_simple(context: Context, change: Change, node: Mapping) -> None:
    for key in node.keys:
        line = context.layout.line(key.start)
        if context.text[context.layout.start(line) : key.start].rstrip(" ").endswith("?"):
            raise CannotEdit("a key is marked with a question mark", (*change.steps, key.text))


def _floor(context: Context, change: Change) -> int:
    """Return the last line that cannot belong to the first entry."""
    if isinstance(change.slot, BlockSlot):
        return context.layout.line(change.slot.after - 1)
    return -1


def _mapping_extents(context: Context, change: Change, node: Mapping, column: int) -> list[Extent]:
    layout = context.layout
    extents: list[Extent] = []
    floor = _floor(context, change)
    for key, value in zip(node.keys, node.values, strict=True):
        own = layout.line(key.start)
        # What stands above the first key of the document heads the file, not that key.
        heads_file = not extents and isinstance(change.slot, RootSlot)
        first = own if heads_file else layout.first_line(key.start, floor)
        last = layout.last_line(max(layout.end_of(value), key.end), column)
        extents.append(Extent(first, last))
        floor = last
    return extents


def _remove_keys(
    context: Context, change: Change, node: Mapping, extents: list[Extent], out: Splices
) -> None:
    layout = context.layout
    gone = [index for index, key in enumerate(node.keys) if key.text not in change.wanted]
    if gone and gone[0] == 0 and not layout.begins_line(node.keys[0].start):
        kept = next(index for index, key in enumerate(node.keys) if key.text in change.wanted)
        _remove_behind_dash(context, node, extents, kept, out)
        gone = [index for index in gone if index > kept]
    for index in gone:
        extent = extents[index]
        out.delete(layout.start(extent.first), layout.after(extent.last))


def _remove_behind_dash(
    context: Context, node: Mapping, extents: list[Extent], kept: int, out: Splices
) -> None:
    """Remove the first fields of an item, the first of which stands behind its dash."""
    layout = context.layout
    start, last = node.keys[0].start, extents[kept - 1].last
    if layout.line(node.keys[kept].start) == last + 1:
        out.delete(start, node.keys[kept].start)  # the next field moves up behind the dash
        return
    dash_end = len(context.text[:start].rstrip(" "))
    out.delete(dash_end, layout.end(last))


def _insert_keys(
    context: Context, change: Change, node: Mapping, extents: list[Extent], out: Splices
) -> None:
    wanted = change.wanted
    document = isinstance(change.slot, RootSlot)
    order = canonical_order(wanted, document=document)
    column = context.layout.column(node.keys[0].start)
    index_of = {key.text: index for index, key in enumerate(node.keys)}
    present = [key.text for key in node.keys if key.text in wanted]
    for key in sorted_by((key for key in wanted if key not in change.have), order):
        extent = extents[index_of[predecessor(key, present, order)]]
        lines = entry_lines(key, wanted[key], column, context.style, like=quoted_sibling(node))
        out.insert_lines(context.layout.after(extent.last), lines)


def edit_block_sequence(context: Context, change: Change, node: Sequence, out: Splices) -> None:
    """Edit the items of a list in block style."""
    matches = match_items(change.have, change.wanted)
    if all(old is None for old in matches):
        replace(context, change, out)
        return
    dashes = _dashes(context, change, node)
    column = context.layout.column(dashes[0])
    slots = [BlockSlot(dash + 1, column, item=True) for dash in dashes]
    if matches == list(range(len(node.items))):
        for index, item in enumerate(node.items):
            context.apply(change.child(item, index, index, slots[index]), out)
        return
    extents = _sequence_extents(context, change, node, dashes)
    if not context.layout.begins_line(dashes[0]) and _touches_first(matches):
        _replace_compact(context, change, extents, out)
        return
    _rearrange(context, change, node, _Plan(matches, slots, extents), out)


def _dashes(context: Context, change: Change, node: Sequence) -> list[int]:
    """Return the offset of each item's dash."""
    if node.tag is not None:
        raise CannotEdit("it has an explicit tag", change.steps)
    layout = context.layout
    dashes = [node.start, *(layout.skip(layout.end_of(item)) for item in node.items[:-1])]
    if any(context.text[dash : dash + 1] != "-" for dash in dashes):
        raise CannotEdit("its items cannot be told apart", change.steps)
    return dashes


def _sequence_extents(
    context: Context, change: Change, node: Sequence, dashes: list[int]
) -> list[Extent]:
    layout = context.layout
    extents: list[Extent] = []
    floor = _floor(context, change)
    column = layout.column(dashes[0])
    for dash, item in zip(dashes, node.items, strict=True):
        first = layout.first_line(dash, floor)
        last = layout.last_line(max(layout.end_of(item), dash + 1), column)
        extents.append(Extent(first, last))
        floor = last
    return extents


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which old item each new one is, and where the old ones stand."""

    matches: Matches
    slots: list[BlockSlot]
    extents: list[Extent]


def _touches_first(matches: Matches) -> bool:
    """Tell whether the first item is removed, moved, or gets another before it."""
    return matches[0] != 0 or 0 not in in_order(matches)


def _replace_compact(context: Context, change: Change, extents: list[Extent], out: Splices) -> None:
    """Write a list anew whose first dash stands behind another one, if no comment is in it."""
    layout = context.layout
    start, end = layout.start(extents[0].first), layout.after(extents[-1].last)
    if "#" in context.text[start:end]:
        raise CannotEdit("a comment stands within a list that begins behind a dash", change.steps)
    replace(context, change, out)


def _rearrange(context: Context, change: Change, node: Sequence, plan: _Plan, out: Splices) -> None:
    """Insert, remove and move items, each with its own comments."""
    layout = context.layout
    staying = in_order(plan.matches)
    at = layout.start(plan.extents[min(staying)].first)
    for index, old in enumerate(plan.matches):
        if old is None:
            out.insert_lines(at, _new_item(context, change.wanted[index], node, plan, index))
            continue
        part = change.child(node.items[old], old, index, plan.slots[old])
        if old in staying:
            context.apply(part, out)
            at = layout.after(plan.extents[old].last)
        else:
            out.insert_lines(at, _moved(context, part, plan.extents[old]))
    for old, extent in enumerate(plan.extents):
        if old not in staying:
            out.delete(layout.start(extent.first), layout.after(extent.last))


def _new_item(context: Context, value: Json, node: Sequence, plan: _Plan, index: int) -> list[str]:
    """Write a new item like the one before it, or the one behind it."""
    around = [*reversed(plan.matches[:index]), *plan.matches[index + 1 :]]
    old = next(old for old in around if old is not None)
    like, slot = node.items[old], plan.slots[old]
    layout = context.layout
    gap = like.start - slot.after + 1
    beside = layout.line(like.start) == layout.line(slot.after) and like.start > slot.after
    return item_lines(value, slot.column, context.style, like=like, gap=gap if beside else 2)


def _moved(context: Context, part: Change, extent: Extent) -> list[str]:
    """Return the lines of an item as they will stand in another place."""
    own = context.splices()
    context.apply(part, own)
    layout = context.layout
    text = own.render(layout.start(extent.first), layout.after(extent.last))
    return [text.removesuffix("\n").removesuffix("\r")]
