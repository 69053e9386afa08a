"""What the nodes of a Run do next: a pure function of the tree, how the nodes stand, and the time.

The caller looks at the plan, records `record` in the Run's status (by compare-and-swap, before any
effect), and then does what `start` and `stop` say. When anything ends it records that and plans
again. A plan over recorded states never asks for what is recorded already, so a crash between any
two steps costs nothing but the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from ebbflow.api.base import format_duration
from ebbflow.api.reasons import Reason
from ebbflow.domain.first_few import SHOWN, first_few
from ebbflow.domain.runs.node_settings import Invalid, Iterations, LeftOut, Settings
from ebbflow.domain.runs.states import NodeState, States
from ebbflow.domain.runs.tree import ROOT, Loop, Node, Place, Workflow
from ebbflow.domain.runs.walk import Closing, Progress, Start, Stop, Walk, about, first_cause, label

APPROVAL: Final = "Approval"
"""The kind of node that waits for people."""

_ALL_DONE: Final = "every node is done"

EndPhase = Literal["Succeeded", "Failed", "Cancelled"]


class Judge(Protocol):
    """What only expressions can tell. Each answer is about a node whose turn has come, so all that
    it may refer to has ended. The same question has the same answer throughout a Run.
    """

    def skips(self, node: Node, place: Place) -> LeftOut | Invalid | None:
        """Tell whether `when`, `skipNodeExecution` or `runNodeOnce` leave the node out; None: no."""
        ...

    def settings(self, node: Node, place: Place) -> Settings | Invalid:
        """Return the node's timeout and retries (read_settings)."""
        ...

    def iterations(self, loop: Loop, place: Place) -> Iterations | Invalid:
        """Return how a loop goes (read_iterations)."""
        ...


@dataclass(frozen=True, slots=True)
class RunView:
    """What the plan needs of a Run that has started. `timeout`: of the whole Run.

    `replaced_by`: the Run for which this one is cancelled, None if a person cancels it.
    """

    started_at: datetime
    timeout: timedelta | None = None
    cancel: bool = False
    replaced_by: str | None = None
    root: Place = ROOT


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The Run goes on. `phase` is Waiting if all that is under way waits for something."""

    phase: Literal["Running", "Waiting"]
    message: str = ""
    reason: Reason = Reason.RUNNING


@dataclass(frozen=True, slots=True)
class Over:
    """The Run has ended. `node`: the path of the node that failed first, if one did."""

    phase: EndPhase
    reason: Reason
    message: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order.

    `record` are new states, those of the nodes to start among them; `forget` are paths whose states
    go (finished iterations). `start` and `stop` are effects. `wake` is when to plan again even if
    nothing happens.
    """

    record: tuple[NodeState, ...] = ()
    forget: tuple[str, ...] = ()
    start: tuple[Start, ...] = ()
    stop: tuple[Stop, ...] = ()
    wake: datetime | None = None
    verdict: UnderWay | Over = UnderWay("Running")

    def applied(self, states: States) -> dict[str, NodeState]:
        """Return the states after `record` and `forget`."""
        gone = set(self.forget)
        merged = {**states, **{state.path: state for state in self.record}}
        return {path: state for path, state in merged.items() if path not in gone}


def plan(tree: Workflow, states: States, run: RunView, now: datetime, judge: Judge) -> Plan:
    """Return what a Run does next. `states` are those of the tree below `run.root` only."""
    closing = _closing(run, now)
    walk = Walk(states, now, judge)
    progress = walk.root(tree, run.root, closing)
    if progress is Progress.UNDER_WAY:
        if closing is None and run.timeout is not None:
            walk.wake_at(run.started_at + run.timeout)
        verdict: UnderWay | Over = _under_way(tuple(walk.after().values()))
    else:
        verdict = (
            Over("Succeeded", Reason.SUCCEEDED, _done(walk.after().values()))
            if progress is Progress.PASSED
            else _over(closing or walk.root_closing, first_cause(walk.causes))
        )
    return Plan(
        record=tuple(walk.recorded.values()),
        forget=tuple(walk.forgotten),
        start=tuple(walk.starts),
        stop=tuple(walk.stops),
        wake=walk.wake,
        verdict=verdict,
    )


def _closing(run: RunView, now: datetime) -> Closing | None:
    """Why the Run has to end, if it has to."""
    if run.cancel and run.replaced_by is not None:
        return Closing("Cancelled", Reason.REPLACED, f"replaced by the Run {run.replaced_by}")
    if run.cancel:
        return Closing("Cancelled", Reason.CANCELLED, "the Run was cancelled")
    if run.timeout is not None and run.started_at + run.timeout <= now:
        took = f"the Run took longer than {format_duration(run.timeout)}"
        return Closing("Failed", Reason.TIMED_OUT, took)
    return None


def _under_way(states: Sequence[NodeState]) -> UnderWay:
    # Workflows and loops have no attempt: they are as their nodes are.
    live = [s for s in states if s.attempt and s.phase in ("Running", "Waiting", "Retrying")]
    if live and all(state.phase == "Waiting" for state in live):
        people = any(state.kind == APPROVAL for state in live)
        reason = Reason.WAITING_FOR_APPROVAL if people else Reason.WAITING
        said = "; ".join(f"{state.path}: {state.message}" for state in live[:3])
        return UnderWay("Waiting", said, reason)
    words = [about(state) for state in live if state.message]
    return UnderWay("Running", "; ".join(words[:3]))


def _done(states: Iterable[NodeState]) -> str:
    """Return what is told of a Run that succeeded, with the nodes that were allowed to fail."""
    failed = [state for state in states if state.phase == "Failed"]
    if not failed:
        return _ALL_DONE
    named = first_few([label(state) for state in failed[:SHOWN]], len(failed), ", ")
    return f"{_ALL_DONE}; allowed to fail, and failed: {named}"


def _over(closing: Closing | None, cause: NodeState | None) -> Over:
    if closing is not None:
        return Over(closing.phase, closing.reason, closing.message)
    if cause is None:
        return Over("Failed", Reason.NODE_FAILED, "a node failed")
    return Over("Failed", Reason.NODE_FAILED, about(cause), cause.path)


__all__ = [
    "Closing",
    "Judge",
    "Over",
    "Plan",
    "RunView",
    "Start",
    "Stop",
    "UnderWay",
    "plan",
]
