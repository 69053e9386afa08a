"""Which objects the document of a Run names: what is not among them has left the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import ObjectId
from ebbflow.domain.runs.node_settings import Invalid
from ebbflow.domain.runs.tree import ROOT, Loop, Node, Place, Task
from ebbflow.services.runs.run_judge import RunJudge
from ebbflow.services.runs.run_memory import RunMemory
from ebbflow.services.runs.run_nodes import RunNodes
from ebbflow.services.runs.run_work import Moment


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell what a node names; `why` begins with the node."""

    why: str


async def wanted(at: Moment, nodes: RunNodes) -> frozenset[ObjectId] | Unknown:
    """Return the objects that the document names, as this Run has it.

    A node that did nothing in this Run (skipped, failed) names its objects all the same.
    """
    if unplanned := min(at.memory.unplanned, default=None):
        return Unknown(f"{unplanned}: what it makes is known after the run")
    found: set[ObjectId] = set()
    for task, place in tasks(at.memory.tree, ROOT, at.judge):
        if isinstance(task, Invalid):
            return Unknown(f"{place.path}: {task.message}")
        applied = at.memory.applied.get(place.path)
        if applied is None:
            named = await nodes.named(at, place)
            if isinstance(named, str):
                return Unknown(f"{place.path}: {named}")
            applied = named
        found |= targets(applied)
    return frozenset(found)


def known_targets(memory: RunMemory) -> frozenset[ObjectId]:
    """Return the objects that nodes of this Run are known to have applied."""
    return frozenset(target for made in memory.applied.values() for target in targets(made))


def targets(objects: Iterable[JsonObject]) -> frozenset[ObjectId]:
    """Name objects, whatever version they are written in."""
    return frozenset(ObjectId.of(one).any_version for one in objects)


def tasks(node: Node, place: Place, judge: RunJudge) -> Iterator[tuple[Task | Invalid, Place]]:
    """Yield every node that does something itself, once for each iteration around it."""
    match node:
        case Task():
            yield node, place
        case Loop():
            how = judge.iterations(node, place)
            if isinstance(how, Invalid):
                yield how, place
                return
            for index in range(how.count):
                yield from _steps(node.steps, place.iteration(index), judge)
        case _:
            yield from _steps(node.steps, place, judge)


def _steps(
    steps: Iterable[Node], place: Place, judge: RunJudge
) -> Iterator[tuple[Task | Invalid, Place]]:
    for index, step in enumerate(steps):
        yield from tasks(step, place.step(index), judge)
