"""`runNodeOnce`: which nodes a source has done once and for all, and by which Run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ebbflow.domain.runs.states import States
from ebbflow.domain.runs.tree import Envelope, Loop, Node, Place, Task, Workflow

DoneOnce = Mapping[str, str]
"""The Run that did it, by what stands for the node (`once_key`)."""

_ITERATION: Final = re.compile(r"\[[0-9]+\]")


def is_once(envelope: Envelope) -> bool:
    """Tell whether the document may want the node to run once; an expression decides later."""
    return envelope.once not in (None, False)


def once_key(envelope: Envelope, path: str) -> str:
    """Return what stands for a node from run to run: its ref, so that it may move, else its path.

    All iterations of a loop are one.
    """
    if envelope.ref is not None:
        return f"ref:{envelope.ref}"
    return f"path:{_ITERATION.sub('', path)}"


def has_once(tree: Workflow) -> bool:
    """Tell whether any node of a document may be one that runs once."""
    return any(True for _ in _once_nodes(tree, Place(), None))


def done_by(run: str, tree: Workflow, root: Place, states: States) -> dict[str, str]:
    """Return the nodes that a Run has brought to their end, of those that run once.

    In a loop that is when the outermost loop around the node has succeeded.
    """
    return {
        once_key(envelope, path): run
        for envelope, path, loop in _once_nodes(tree, root, None)
        if (state := states.get(loop or path)) is not None and state.phase == "Succeeded"
    }


def _once_nodes(
    node: Node, place: Place, loop: str | None
) -> Iterator[tuple[Envelope, str, str | None]]:
    """Yield the envelopes, paths without iterations, and the paths of the loops around them."""
    if place.path and is_once(node.envelope):
        yield node.envelope, place.path, loop
    if isinstance(node, Task):
        return
    inside = loop or (place.path if isinstance(node, Loop) else None)
    for index, step in enumerate(node.steps):
        yield from _once_nodes(step, place.step(index), inside)
