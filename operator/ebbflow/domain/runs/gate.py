"""Who may start or go on with a Run, and who may write a parent's queue: the fence.

The fence is the number of the operator's leadership: how often its Lease changed hands. Whoever
takes over writes its number into what it works on; from then on a leader that does not know yet
that it lost the Lease is refused. Everything is written by compare-and-swap on what was read here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ebbflow.domain.runs.queue import Parent, QueueState, RunFact


@dataclass(frozen=True, slots=True)
class Start:
    """Write phase Running and this fence into the Run, then work on it."""

    fence: int


@dataclass(frozen=True, slots=True)
class Continue:
    """It is under way: write this fence into it if it holds another, then work on it."""

    fence: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """It is no dry run, and the parent does not list it in `active`."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """It belongs to another parent, perhaps an earlier one of the same name: leave it alone."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """Another leadership, `by`, works on it: this process has lost its Lease. Do nothing more."""

    by: int


@dataclass(frozen=True, slots=True)
class Stop:
    """It is to be cancelled, or deleted: stop what runs, then write phase Cancelled."""


@dataclass(frozen=True, slots=True)
class Ended:
    """It has ended: tell the parent (turns.finish)."""


Passage = Start | Continue | NotYet | NotOurs | Fenced | Stop | Ended


def pass_gate(state: QueueState, parent: Parent, run: RunFact, fence: int) -> Passage:
    """Tell what the leadership `fence` may do with a Run.

    `state` must come from a read of the parent that was made after the Run was read, never from a
    cache; what is done then is written to the Run only if it is still as it was read.
    """
    if run.owner_uid != parent.uid:
        return NotOurs()
    if fence < max(state.fence, run.fence):
        return Fenced(max(state.fence, run.fence))
    if run.over:
        return Ended()
    if run.cancel or run.deleting:
        return Stop()
    if run.name not in state.active and not run.dry:
        return NotYet()
    return Continue(fence) if run.started else Start(fence)


def fenced(state: QueueState, fence: int) -> QueueState | Fenced:
    """Return the state to write as the leadership `fence`; Fenced if a later one wrote already."""
    if fence < state.fence:
        return Fenced(state.fence)
    return replace(state, fence=fence)


@dataclass(frozen=True, slots=True)
class Ours:
    """The Run under the wished name is the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Another Run has the name. It is never taken over: whoever asked is told (NameTaken)."""

    why: str


def claim_name(parent: Parent, key: str, found: RunFact, found_key: str | None) -> Ours | Taken:
    """Tell whether a Run that was found under a trigger's name is that trigger's (`key`: the whole).

    A name alone proves nothing: people choose names too, and a parent that was deleted may have had
    the same one.
    """
    if found.owner_uid != parent.uid:
        return Taken("it belongs to another object, or to an earlier one of the same name")
    if found_key != key:
        return Taken("it was made for something else")
    return Ours()
