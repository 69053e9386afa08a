"""A Run as a tree of nodes: the rows that people watch. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ebbflow.api.base import JsonObject
from ebbflow.api.run import NodeStatus, Run
from ebbflow.cli.output import harmless
from ebbflow.domain.document import InvalidDocument
from ebbflow.domain.runs.states import path_key
from ebbflow.domain.runs.tree import (
    ROOT,
    TEARDOWN,
    Loop,
    Node,
    Place,
    Task,
    Workflow,
    build_teardown,
    build_tree,
)
from ebbflow.domain.times import read_time

OVER = frozenset(("Succeeded", "Failed", "Cancelled", "Skipped"))

States = Mapping[str, NodeStatus]


@dataclass(frozen=True, slots=True)
class Row:
    """One node. `branches` draws the tree in front of it; `state` None: it has not begun."""

    path: str
    label: str
    kind: str
    branches: str = ""
    state: NodeStatus | None = None
    rows: tuple[Row, ...] = field(default=(), repr=False)

    @property
    def phase(self) -> str:
        """Where the node stands; Pending before it begins."""
        return self.state.phase if self.state else "Pending"

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to see here now: it has not begun, or ended well."""
        return self.phase in ("Pending", "Succeeded", "Skipped") and all(
            row.quiet for row in self.rows
        )

    def info(self) -> str:
        """Return what else there is to say about the node, in one line."""
        if self.state is None:
            return ""
        parts = []
        if self.state.attempt > 1:
            parts.append(f"attempt {self.state.attempt}")
        if self.state.iterations is not None:
            counts = self.state.iterations
            parts.append(f"{counts.done} of {counts.total} done")
        if self.state.message:
            parts.append(harmless(self.state.message))
        return ": ".join(parts)

    def took(self, now: datetime) -> str:
        """Return how long the node has taken so far, or took."""
        if self.state is None or self.state.started_at is None:
            return ""
        end = read_time(self.state.finished_at) if self.state.finished_at else now
        return spell((end - read_time(self.state.started_at)).total_seconds())


def spell(seconds: float) -> str:
    """Write how long something took: 0.4s, 12s, 2m05s, 1h02m."""
    if seconds < 10:  # noqa: PLR2004 - tenths matter below this
        return f"{max(0.0, seconds):.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def tree_of(run: Run, content: JsonObject | None) -> tuple[Row, ...]:
    """Return the outermost nodes of a Run, those that have not begun included.

    `content` is the Run's copy of its document; without it only the nodes that have begun are known.
    """
    states = {state.path: state for state in run.status.nodes or ()}
    document = (content or {}).get("document")
    if not isinstance(document, dict):
        return _flat(states)
    try:
        rows = _steps(build_tree(document), ROOT, states)
        teardown = build_teardown(document)
    except InvalidDocument:
        return _flat(states)
    if teardown is not None and any(path.startswith(f"{TEARDOWN}.") for path in states):
        rows += (Row(TEARDOWN, TEARDOWN, "", rows=_steps(teardown, Place(TEARDOWN), states)),)
    return rows


def lines_of(rows: Sequence[Row], *, plain: bool, room: int | None = None) -> list[Row]:
    """Return the rows from top to bottom, each with the branches in front of it.

    With more than `room` rows, what is quiet is left out: then only what happens now, what went
    wrong and the way there are shown.
    """
    everything = list(_drawn(rows, "", plain=plain, all_of_them=True))
    if room is None or len(everything) <= room:
        return everything
    return list(_drawn(rows, "", plain=plain, all_of_them=False))


def _drawn(rows: Sequence[Row], lead: str, *, plain: bool, all_of_them: bool) -> Iterator[Row]:
    shown = [row for row in rows if all_of_them or not row.quiet]
    between, last, below = ("|- ", "`- ", "|  ") if plain else ("├─ ", "└─ ", "│  ")
    for index, row in enumerate(shown):
        is_last = index == len(shown) - 1
        yield Row(
            *(row.path, row.label, row.kind, lead + (last if is_last else between), row.state),
            rows=row.rows,
        )
        inner = lead + ("   " if is_last else below)
        yield from _drawn(row.rows, inner, plain=plain, all_of_them=all_of_them)


def _steps(parent: Workflow | Loop, place: Place, states: States) -> tuple[Row, ...]:
    return tuple(_row(step, place.step(index), states) for index, step in enumerate(parent.steps))


def _row(node: Node, place: Place, states: States) -> Row:
    state = states.get(place.path)
    envelope = node.envelope
    below = _below(node, place, states)
    return Row(place.path, envelope.ref or "", envelope.kind, state=state, rows=below)


def _below(node: Node, place: Place, states: States) -> tuple[Row, ...]:
    match node:
        case Task():
            return ()
        case Workflow():
            return _steps(node, place, states)
        case Loop():
            return _iterations(node, place, states)


def _iterations(loop: Loop, place: Place, states: States) -> tuple[Row, ...]:
    """Only those under way: finished ones have no states, and others have not begun."""
    lead = f"{place.path}["
    begun = sorted(
        {int(path[len(lead) :].split("]")[0]) for path in states if path.startswith(lead)}
    )
    return tuple(
        Row(
            place.iteration(index).path,
            f"item {index}",
            "",
            rows=_steps(loop, place.iteration(index), states),
        )
        for index in begun
    )


def _flat(states: States) -> tuple[Row, ...]:
    ordered = sorted(states.values(), key=lambda state: path_key(state.path))
    return tuple(Row(one.path, one.ref or "", one.kind, state=one) for one in ordered)
