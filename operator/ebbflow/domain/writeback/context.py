"""What every part of an edit needs to know of the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ebbflow.domain.document.path import Step
from ebbflow.domain.document.syntax import Json, Node
from ebbflow.domain.writeback.flow_text import FlowStyle
from ebbflow.domain.writeback.layout import Layout
from ebbflow.domain.writeback.slot import Slot
from ebbflow.domain.writeback.splice import Splices
from ebbflow.domain.writeback.style import Style

Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One value of the file that may have to change: what it is, and what it should be.

    `have` and `wanted` are normalised.
    """

    node: Node
    have: Json
    wanted: Json
    slot: Slot
    steps: Steps

    def child(self, node: Node, step: Step, wanted_step: Step, slot: Slot) -> Change:
        """Return the change of one field or item; its index may have been another before."""
        return Change(
            node, self.have[step], self.wanted[wanted_step], slot, (*self.steps, wanted_step)
        )


@dataclass(frozen=True, slots=True)
class Context:
    """The file, how it is written, and the way to edit a part of a part."""

    layout: Layout
    yaml: bool
    style: Style
    flow: FlowStyle
    edit: Callable[[Context, Change, Splices], None]

    def apply(self, change: Change, out: Splices) -> None:
        """Edit a part of a part."""
        self.edit(self, change, out)

    @property
    def text(self) -> str:
        """The file's text."""
        return self.layout.text

    def splices(self) -> Splices:
        """Return an empty set of changes of this file."""
        return Splices(self.layout.text, self.layout.newline)
