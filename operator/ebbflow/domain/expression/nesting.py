"""Which part of a document belongs to another document inside of it.

A node (or a manifest) of kind Template, ReleaseFlow, Pipeline, PreviewBlueprint or
WorkflowTemplate holds a document that runs later by itself: expressions in it are left alone,
but for those with `template.` in front.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from ebbflow.domain.document.syntax import Json

HOLDERS = frozenset(("Template", "WorkflowTemplate", "ReleaseFlow", "Pipeline", "PreviewBlueprint"))
"""Kinds that hold documents."""

KEYS = frozenset(
    (
        *("document", "spec", "teardownSpec", "arguments", "triggers", "richInputs"),
        *("releaseFlow", "preview", "nameFormat"),
    )
)
"""Keys below the spec of such a kind whose values belong to the document inside."""


class _Where(Enum):
    OUTSIDE = auto()
    """Not in the spec of a holder."""
    HOLDER = auto()
    """In the spec of a holder, the document inside is still to come."""
    DOCUMENT = auto()
    """At the root of a document inside, whose kind says nothing new."""


class Nesting(NamedTuple):
    """How many documents a place is inside of. Start with `TOP`."""

    level: int
    where: _Where

    def below(self, holder: dict[str, Json], key: str) -> Nesting:
        """Return the nesting of the value of a key."""
        if self.where is _Where.HOLDER and key in KEYS:
            return Nesting(self.level + 1, _Where.DOCUMENT)
        if self.where is _Where.DOCUMENT:
            return Nesting(self.level, _Where.OUTSIDE)
        if key == "spec" and self.where is _Where.OUTSIDE and holder.get("kind") in HOLDERS:
            return Nesting(self.level, _Where.HOLDER)
        return self


TOP = Nesting(0, _Where.OUTSIDE)
