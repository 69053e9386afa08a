"""What a run would change: a dry run on the cluster, and its stored plan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from ebbflow.api.base import JsonObject
from ebbflow.api.run import PlannedChange, Run
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_tree import OVER
from ebbflow.cli.session import Session
from ebbflow.cli.starting import Request, run_name
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.runs.planned import NOT_KNOWN


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would do, in order; `more` changes were too many for the status.

    `notes` say of nodes what nobody can tell before the run.
    """

    run: str
    changes: tuple[PlannedChange, ...]
    more: int = 0
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether a run would change anything."""
        return bool(self.more) or any(change.action != "none" for change in self.changes)

    def count(self, action: str) -> int:
        """Return how many objects would see this."""
        return sum(change.action == action for change in self.changes)

    def dump(self) -> JsonObject:
        """Return it as JSON."""
        changes = [change.dump() for change in self.changes]
        return {"name": self.run, "changes": changes, "leftOut": self.more, "notes": [*self.notes]}


def stored_plan(run: Run) -> RunPlan:
    """Return the plan that a dry run has stored. Raises Problem if it has none."""
    name, status = run.metadata.name, run.status
    where = f"namespace {run.metadata.namespace}"
    if not run.spec.dry_run:
        raise Problem(f"the Run {name} is no dry run", where, "name a Template, or a dry run")
    if status.phase not in OVER:
        raise Problem(
            f"the dry run {name} has not ended: it is {status.phase or 'Pending'}", where, "wait"
        )
    if status.phase != "Succeeded":
        raise Problem(
            f"the dry run {name} is {status.phase}",
            status.message or status.reason or where,
            "correct what it says, and plan again",
        )
    notes = tuple(
        f"node {node.path}: {node.message}"
        for node in status.nodes or ()
        if node.message and NOT_KNOWN in node.message
    )
    return RunPlan(name, tuple(status.plan or ()), status.plan_left_out or 0, notes)


async def dry_run(session: Session, request: Request, *, seconds: float, keep: bool) -> RunPlan:
    """Make a dry run, wait for it, and return its plan; the Run is removed unless `keep`.

    Raises Problem if it fails or is not done after so many seconds.
    """
    name = request.name or run_name(f"{request.template[:40]}-plan")
    made = await session.create_run(request.spec(), name=name)
    try:
        return stored_plan(await _ended(session, made.model.metadata.name, seconds))
    finally:
        if not keep:
            # It stands in nobody's history; whoever may not delete it leaves it there.
            with suppress(ClusterError):
                await session.delete_run(made.model)


async def _ended(session: Session, name: str, seconds: float) -> Run:
    seen: Run | None = None
    try:
        async with asyncio.timeout(seconds):
            async for found in session.follow(name):
                seen = found.model
                if seen.status.phase in OVER:
                    return seen
    except TimeoutError:
        pass
    raise Problem(
        f"the dry run {name} did not end within {seconds:.0f} s",
        _unfinished(seen) or "the operator has not looked at it",
        "is the operator running, and does it serve this namespace? --timeout waits longer",
    )


def _unfinished(run: Run | None) -> str:
    """Return what the Run waits for: the words of its nodes, else its own."""
    if run is None:
        return ""
    nodes = (node for node in run.status.nodes or () if node.phase not in OVER)
    words = [f"node {node.path}: {node.message}" for node in nodes if node.message]
    return "; ".join(words[:3]) or run.status.message or ""


def ordered(changes: Iterable[PlannedChange]) -> list[PlannedChange]:
    """Return the changes that change something, in the order of the nodes."""
    return [change for change in changes if change.action != "none"]
