"""Which nodes of a document have run before a place in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.kinds import WORKFLOWS
from ebbflow.domain.document.path import Step
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.errors import hint
from ebbflow.domain.expression.nesting import TOP, Nesting

Steps = tuple[Step, ...]

_FIELDS = ("skipNodeExecution", "runNodeOnce", "timeout", "timeoutDuration", "settings")
_OF_WORKFLOW = ("context", "parallelism")
_TEARDOWN = "teardownSpec"


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document that is rendered as one, with what has run before it.

    `visible` changes while the walk goes on: look at it before asking for the next place.
    """

    value: Json
    steps: Steps
    nesting: Nesting
    visible: set[str]
    loop: bool


@dataclass(slots=True)
class NodeWalk:
    """Goes through a document's nodes in the order in which they run.

    A node sees the refs of those that have ended when it begins: earlier steps of a sequential
    workflow, not the other branches of a parallel one, and nothing from inside a loop that it is
    not in.
    """

    visible: set[str]
    owners: dict[str, Steps] = field(default_factory=dict)
    parallel: set[Steps] = field(default_factory=set)
    loops: set[Steps] = field(default_factory=set)

    def document(self, document: dict[str, Json]) -> Iterator[Place]:
        """Return every place of the document's nodes, those of the teardown last."""
        main = document.get("spec")
        teardown = document.get(_TEARDOWN)
        down = teardown.get("spec") if isinstance(teardown, dict) else None
        for root, steps in ((main, ("spec",)), (down, (_TEARDOWN, "spec"))):
            self.owners |= {ref: place for place, ref in self._refs(root, steps)}
        yield from self._node(main, ("spec",), loop=False)
        yield from self._node(down, (_TEARDOWN, "spec"), loop=False)

    def _node(self, node: Json, steps: Steps, *, loop: bool) -> Iterator[Place]:
        """Return the places of a node, and afterwards make its ref visible."""
        if not isinstance(node, dict):
            return
        for name in _FIELDS:
            if name in node:
                yield Place(node[name], (*steps, name), TOP, self.visible, loop)
        spec = node.get("spec")
        inner = (*steps, "spec")
        if node.get("kind", "Workflow") not in WORKFLOWS:
            yield Place(spec, inner, TOP.below(node, "spec"), self.visible, loop)
        elif isinstance(spec, dict):
            yield from self._workflow(node, spec, inner, loop=loop)
        ref = node.get("ref")
        if isinstance(ref, str):
            self.visible.add(ref)

    def _workflow(
        self, node: dict[str, Json], spec: dict[str, Json], steps: Steps, *, loop: bool
    ) -> Iterator[Place]:
        loops = node.get("kind") == "LoopWorkflow"
        if "iterations" in spec:
            yield Place(spec["iterations"], (*steps, "iterations"), TOP, self.visible, loop)
        for name in _OF_WORKFLOW:
            if name in spec:
                yield Place(spec[name], (*steps, name), TOP, self.visible, loop or loops)
        children = spec.get("steps")
        if not isinstance(children, list):
            return
        hidden: set[str] = set()
        for index, child in enumerate(children):
            at = (*steps, "steps", index)
            yield from self._node(child, at, loop=loop or loops)
            if spec.get("type") == "parallel":
                hidden |= self._hide(child, at)
        if loops:
            self._hide(node, steps[:-1])
        else:
            self.visible |= hidden

    def _hide(self, node: Json, steps: Steps) -> set[str]:
        """Make what a node and those below it put out invisible; return which refs that are."""
        made = {ref for _, ref in self._refs(node, steps)} & self.visible
        self.visible -= made
        return made

    def why_not(self, name: str, steps: Steps) -> str:
        """Say why a node's output cannot be seen at a place."""
        owner = self.owners.get(name)
        if owner is None:
            return f"no node has the ref {shown(name)}{hint(name, {*self.owners, *self.visible})}"
        if owner == steps[: len(owner)]:
            return f"the node {shown(name)} cannot use its own output"
        if owner[0] == _TEARDOWN and steps[0] != _TEARDOWN:
            return f"the node {shown(name)} runs in the teardown, which comes later"
        return f"the node {shown(name)} {self._relation(owner, steps)}"

    def _relation(self, owner: Steps, steps: Steps) -> str:
        """Tell how a node lies to a place that is not below it."""
        common = next(
            n for n, (one, other) in enumerate(zip(owner, steps, strict=False)) if one != other
        )
        if owner[:common] in self.parallel:
            return "runs in another branch of a parallel workflow; use a sequential one"
        if any(owner[: len(loop)] == loop and steps[: len(loop)] != loop for loop in self.loops):
            return "is inside of a loop, so only the other steps of the loop can use it"
        return "comes later; move it up, or what uses it down"

    def _refs(self, root: Json, steps: Steps) -> Iterator[tuple[Steps, str]]:
        """Return the refs of a node and of those below it, with their places."""
        stack: list[tuple[Steps, Json]] = [(steps, root)]
        while stack:
            place, node = stack.pop()
            if not isinstance(node, dict):
                continue
            if isinstance(node.get("ref"), str):
                yield place, node["ref"]
            spec = node.get("spec")
            if node.get("kind", "Workflow") in WORKFLOWS and isinstance(spec, dict):
                stack += self._children(node, spec, (*place, "spec", "steps"))

    def _children(
        self, node: dict[str, Json], spec: dict[str, Json], steps: Steps
    ) -> Iterator[tuple[Steps, Json]]:
        """Return the steps of a workflow, and remember what kind of one it is."""
        if spec.get("type") == "parallel":
            self.parallel.add(steps)
        if node.get("kind") == "LoopWorkflow":
            self.loops.add(steps)
        children = spec.get("steps")
        if isinstance(children, list):
            yield from (((*steps, index), child) for index, child in enumerate(children))
