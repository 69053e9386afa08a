"""Where a value stands: what may be written there, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockSlot:
    """Behind a colon or a dash of the block style.

    `after` is the offset behind that mark, `column` the column of the key or of the dash.
    """

    after: int
    column: int
    item: bool


@dataclass(frozen=True, slots=True)
class FlowSlot:
    """Between brackets. `key_end` is the end of its key; an item of a list has none.

    `indent`: the indentation of the line it begins on if every entry has lines of its own.
    """

    key_end: int | None
    indent: str | None


@dataclass(frozen=True, slots=True)
class RootSlot:
    """The document itself."""


Slot = BlockSlot | FlowSlot | RootSlot
