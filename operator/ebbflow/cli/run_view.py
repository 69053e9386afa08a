"""How a Run looks in a terminal: its header, its tree, and one line for each change."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ebbflow.api.base import JsonObject
from ebbflow.api.run import NodeStatus, Run
from ebbflow.cli.output import harmless
from ebbflow.cli.phases import shown_phase, style_of
from ebbflow.cli.run_tree import Row, lines_of, spell, tree_of
from ebbflow.domain.times import read_time

HEADER_ROWS = 9
"""Lines around the tree: the header above it and the advice below."""

SHORT_COMMIT = 7


def view(
    run: Run, content: JsonObject | None, now: datetime, *, plain: bool, room: int | None = None
) -> RenderableType:
    """Return the whole picture of a Run; `room` is the terminal's height."""
    rows = tree_of(run, content)
    shown = lines_of(rows, plain=plain, room=None if room is None else max(5, room - HEADER_ROWS))
    parts: list[RenderableType] = [_header(run, now, plain=plain)]
    if shown:
        parts += ["", _table(shown, now, plain=plain)]
    hidden = _count(rows) - len(shown)
    if hidden > 0:
        parts.append(Text(f"{hidden} more nodes are pending or ended well", style="dim"))
    return Group(*parts, *_advice(run))


def _count(rows: tuple[Row, ...]) -> int:
    return sum(1 + _count(row.rows) for row in rows)


def _header(run: Run, now: datetime, *, plain: bool) -> Table:
    status = run.status
    phase = status.phase or "Pending"
    grid = Table.grid(padding=(0, 2))
    reason = f'  "{harmless(run.spec.reason)}"' if run.spec.reason else ""
    grid.add_row("Run", Text(run.metadata.name + reason, style="bold"))
    grid.add_row("Source", Text(_source(run)))
    grid.add_row("Phase", Text(shown_phase(phase, plain=plain), style=style_of(phase)))
    if status.message:
        grid.add_row("", Text(harmless(status.message)))
    if status.started_at:
        end = read_time(status.finished_at) if status.finished_at else now
        took = spell((end - read_time(status.started_at)).total_seconds())
        grid.add_row("Started", Text(f"{status.started_at[:19]}Z  ({took})"))
    return grid


def _source(run: Run) -> str:
    status = run.status
    words = f"{run.spec.source.kind} {run.spec.source.name}"
    if status.commit:
        words += f" @ {status.commit[:SHORT_COMMIT]}"
    if status.trigger is not None:
        actor = f" by {harmless(status.trigger.actor)}" if status.trigger.actor else ""
        words += f"  ({status.trigger.type}{actor})"
    return words + ("  dry run" if run.spec.dry_run else "")


def _table(rows: list[Row], now: datetime, *, plain: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for head in ("STEP", "KIND", "STATUS", "TIME"):
        table.add_column(head, no_wrap=True)
    table.add_column("INFO", overflow="fold")
    for row in rows:
        label = f"{row.path} {harmless(row.label)}" if row.label != row.path else row.path
        status = shown_phase(row.phase, plain=plain) if row.kind else ""
        table.add_row(
            Text(row.branches + label.rstrip()),
            Text(row.kind),
            Text(status, style=style_of(row.phase)),
            Text(row.took(now), style="dim"),
            Text(row.info(), style="" if row.phase == "Failed" else "dim"),
        )
    return table


def _advice(run: Run) -> list[RenderableType]:
    where = f"{run.metadata.name} -n {run.metadata.namespace}"
    waiting = [
        node
        for node in run.status.nodes or ()
        if node.phase == "Waiting" and node.kind == "Approval"
    ]
    if waiting:
        return ["", Text(f"ebbflow approve {where}\nebbflow reject {where}", style="dim")]
    if run.status.phase == "Failed" and run.status.document_ref is not None:
        return ["", Text(f"ebbflow retry {where}    goes on where it failed", style="dim")]
    return []


class Journal:
    """Tells what happened to a Run in lines, for logs and pipes."""

    def __init__(self) -> None:
        self._phase: tuple[str, str] = ("", "")
        self._nodes: dict[str, NodeStatus] = {}

    def news(self, run: Run, now: datetime, *, plain: bool) -> list[str]:
        """Return a line for each thing that changed since the last call."""
        lines = []
        stamp = now.strftime("%H:%M:%S")
        for node in run.status.nodes or ():
            if not self._is_news(node):
                continue
            row = Row(node.path, node.ref or "", node.kind, state=node)
            words = [node.path, row.label, node.kind, shown_phase(node.phase, plain=plain)]
            words += [row.took(now) if node.finished_at else "", row.info()]
            lines.append("  ".join((stamp, *(harmless(word) for word in words if word))))
        self._nodes = {node.path: node for node in run.status.nodes or ()}
        status = run.status
        phase = (status.phase or "Pending", status.message or "")
        if phase != self._phase:
            self._phase = phase
            words = [run.metadata.name, shown_phase(phase[0], plain=plain), phase[1]]
            lines.append("  ".join((stamp, *(harmless(word) for word in words if word))))
        return lines

    def _is_news(self, node: NodeStatus) -> bool:
        before = self._nodes.get(node.path)
        return before is None or (before.phase, before.attempt, before.message) != (
            node.phase,
            node.attempt,
            node.message,
        )


def console(*, err: bool = False) -> Console:
    """Return a console that shows texts as they are: nothing in them is markup."""
    return Console(stderr=err, markup=False, emoji=False, highlight=False)
