"""Which workflows and loops are around a node. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ebbflow.domain.runs.tree import Loop, Place, Workflow, find


def around(root: Workflow, path: str) -> Iterator[tuple[Workflow | Loop, Place]]:
    """Yield the workflows and loops around the node at `path` with their places, outermost first.

    The place of a loop is that of the iteration which the node is in.
    """
    begin = Place("teardown") if path.startswith("teardown") else Place()
    yield root, begin
    parts = path.removeprefix("teardown.").split(".")
    prefix = "teardown." if begin.path else ""
    for count in range(1, len(parts)):
        inside = prefix + ".".join(parts[:count])
        found = find(root, inside)
        if found is not None and isinstance(found[0], Workflow | Loop):
            yield found[0], found[1]
