"""The nodes of a document as a tree, and the paths by which statuses name them.

A path counts steps from the outside in, from 0: `0.2` is the third step of the outermost workflow's
first step. The steps of a loop come once for each iteration: `0.2[3].1`. The nodes of a
teardownSpec begin with `teardown.`. The outermost workflow itself has no entry: it is the Run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ebbflow.api.run import MAX_NODES
from ebbflow.domain.document.invalid import InvalidDocument
from ebbflow.domain.document.path import joined
from ebbflow.domain.document.syntax import Json

OURS: Final = "ebbflow.dev/v1"
TEARDOWN: Final = "teardown"

Wait = Literal["success", "running", "none"]
OnFailure = Literal["fail", "continue"]
JsonMap = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every node has. Texts may hold expressions: they are read when the node's turn comes.

    `where`: the node's field path in the document, for messages. `wait`: how far the node's own
    work goes before it counts as done: `none` is done as soon as its effect was made.
    """

    kind: str
    where: str
    ref: str | None = None
    wait: Wait = "success"
    when: str | None = None
    skip: Json = False
    once: Json = False
    on_failure: OnFailure = "fail"
    timeout: Json = None
    max_attempts: Json = None
    backoff: Json = None


@dataclass(frozen=True, slots=True)
class Task:
    """A node that does something itself; what, its kind and spec say."""

    envelope: Envelope
    spec: JsonMap


@dataclass(frozen=True, slots=True)
class Workflow:
    """Nodes that run one after another, or all at once."""

    envelope: Envelope
    steps: tuple[Node, ...]
    parallel: bool
    context: JsonMap


@dataclass(frozen=True, slots=True)
class Loop:
    """Nodes that run once for each item of `iterations`, `parallelism` iterations at once."""

    envelope: Envelope
    steps: tuple[Node, ...]
    parallel: bool
    context: JsonMap
    iterations: Json
    parallelism: Json


Node: TypeAlias = Task | Workflow | Loop


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance of a node is: its path, and the loops around it, the outermost first, each
    with the loop's path and the iteration's index.
    """

    path: str = ""
    loops: tuple[tuple[str, int], ...] = ()

    def step(self, index: int) -> Place:
        """Return the place of a step of this workflow, or of this iteration."""
        return Place(f"{self.path}.{index}" if self.path else str(index), self.loops)

    def iteration(self, index: int) -> Place:
        """Return the place of one iteration of this loop."""
        return Place(f"{self.path}[{index}]", (*self.loops, (self.path, index)))


ROOT: Final = Place()


def build_tree(document: JsonMap) -> Workflow:
    """Return the tree of a valid document's `spec`; without one, a workflow without steps.

    Raises InvalidDocument if there are more nodes than a status can tell of.
    """
    return _build_root(document.get("spec") or {}, "spec", _default_wait(document))


def build_teardown(document: JsonMap) -> Workflow | None:
    """Return the tree of a valid document's teardownSpec, if it has one.

    Raises InvalidDocument if there are more nodes than a status can tell of.
    """
    teardown = document.get("teardownSpec")
    if not isinstance(teardown, dict):
        return None
    return _build_root(teardown["spec"], "teardownSpec.spec", _default_wait(document))


def nodes_of(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the document."""
    yield node
    if not isinstance(node, Task):
        for step in node.steps:
            yield from nodes_of(step)


def size_of(node: Node) -> int:
    """Return how many nodes there are, the node itself counted."""
    return sum(1 for _ in nodes_of(node))


_PART: Final = re.compile(r"([0-9]+)(?:\[([0-9]+)\])?")


def find(root: Workflow, path: str) -> tuple[Node, Place] | None:
    """Return the node that a path of a status names, and its place; None if there is none."""
    node: Node = root
    place = ROOT
    parts = path.split(".")
    if parts[0] == TEARDOWN:
        place, parts = Place(TEARDOWN), parts[1:]
    for part in parts:
        match = _PART.fullmatch(part)
        if match is None or isinstance(node, Task) or int(match[1]) >= len(node.steps):
            return None
        place = place.step(int(match[1]))
        node = node.steps[int(match[1])]
        if match[2] is not None:
            place = place.iteration(int(match[2]))
    return node, place


def _default_wait(document: JsonMap) -> Wait:
    """Northflank's nodes fire and go on unless `condition` says otherwise; ours wait."""
    return "success" if document.get("apiVersion") == OURS else "none"


def _build_root(value: Json, where: str, wait: Wait) -> Workflow:
    root = _build({"kind": "Workflow", "spec": {"steps": []}, **value}, where, wait)
    if not isinstance(root, Workflow):
        raise InvalidDocument("must be a node of kind Workflow", path=where)
    if (size := size_of(root)) > MAX_NODES:
        raise InvalidDocument(
            f"the document has {size} nodes; a Run may have {MAX_NODES}. Put some into a Template "
            "of their own and run it with RunTemplate",
            path=where,
        )
    return root


def _build(value: JsonMap, where: str, wait: Wait) -> Node:
    envelope = _envelope(value, where, wait)
    spec = value.get("spec") or {}
    if value["kind"] not in ("Workflow", "LoopWorkflow"):
        return Task(envelope, spec)
    inside = joined(joined(where, "spec"), "steps")
    steps = tuple(
        _build(step, joined(inside, index), wait) for index, step in enumerate(spec["steps"])
    )
    parallel = spec.get("type") == "parallel"
    context = spec.get("context") or {}
    if value["kind"] == "Workflow":
        return Workflow(envelope, steps, parallel, context)
    return Loop(envelope, steps, parallel, context, spec["iterations"], spec.get("parallelism", 1))


def _envelope(value: JsonMap, where: str, wait: Wait) -> Envelope:
    settings = value.get("settings") or {}
    return Envelope(
        kind=value["kind"],
        where=where,
        ref=value.get("ref"),
        wait=value.get("condition") or wait,
        when=value.get("when"),
        skip=value.get("skipNodeExecution", False),
        once=value.get("runNodeOnce", False),
        on_failure=value.get("onFailure") or "fail",
        # Seconds where it is Northflank's key; a duration where it is ours.
        timeout=value.get("timeoutDuration", value.get("timeout")),
        max_attempts=settings.get("maxAttempts"),
        backoff=settings.get("backoff"),
    )
