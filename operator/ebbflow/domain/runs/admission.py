"""Which Runs that are asked for may run, wait, or never run. Pure: the caller swaps the new state in.

The order of things, which makes a crash between any two of them harmless:
1. a trigger's Run is recorded in the parent (`admit`), then made under its deterministic name; a
   Run that a person made is tied to its parent and given its finalizer, then recorded (`accept`);
2. a Run starts when a fresh read of the parent lists it in `active` (gate.py);
3. it ends in its own status, then the parent forgets it (`finish`), then the next one's turn
   comes (`advance`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from ebbflow.api.reasons import Reason
from ebbflow.domain.runs.queue import Facts, Parent, QueueState, Request, RunFact

BATCH: Final = 50
"""Requests that are decided on at once; what is refused is marked before the next ones are."""

_LAST: Final = datetime.max.replace(tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Admitted:
    """It is in `active`: it may start."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """It waits at `position`, from 1. The `superseded` never run: mark them Skipped. `cancel`: what
    runs is to be stopped for it.
    """

    position: int
    superseded: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """It never runs: it becomes a Run with phase Skipped. `by`: the Run that is in its way."""

    reason: Reason
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The trigger was seen before. `listed`: its Run is active or waits, and is made if it is not
    there yet; else it is done with, and nothing is to be made.
    """

    listed: bool


Decision = Admitted | Enqueued | Refused | Known


def admit(
    state: QueueState, request: Request, parent: Parent, facts: Facts
) -> tuple[QueueState, Decision]:
    """Decide on one request. The same request again is Known.

    A decision that leaves the state as it is is not swapped in, so nothing but a fresh read may be
    behind it.

    For Runs that exist use `accept`, which looks at all of them: only so their order is that of
    their creation.
    """
    if (decided := _decided(state, request, parent)) is not None:
        return state, decided
    if request.made and request.made.started:
        # It runs although the parent's status was lost. From now on it is accounted for.
        return _activated(state, request.name)
    match parent.policy:
        case "Allow" | "Queue":
            return _wait_in_line(state, request, parent, facts)
        case "Forbid":
            return _only_if_idle(state, request, parent, facts)
        case "Latest" | "Replace":
            return _newest_waits(state, request, parent, facts)
        case _:
            assert_never(parent.policy)


def _decided(state: QueueState, request: Request, parent: Parent) -> Known | Refused | None:
    """Return the decision that the state holds already, or that no policy can change."""
    if state.lists(request.name):
        return Known(listed=True)
    if request.token in state.recent:
        # It exists and has not ended: it was superseded, and its end was not written yet.
        return Refused(Reason.SUPERSEDED) if request.made else Known(listed=False)
    started = request.made is not None and request.made.started
    if request.automatic and parent.hold is not None and not started:
        return Refused(Reason.HELD, parent.hold)
    return None


def accept(
    state: QueueState, requests: Iterable[Request], parent: Parent, facts: Facts
) -> tuple[QueueState, dict[str, Decision]]:
    """Decide on Runs that exist, the oldest first, at most BATCH at a time.

    `requests` and `facts` are of one fresh list of the parent's Runs, read after the parent: what
    is not in it was made later. Runs that ended or are tied to another parent are left out.
    """
    known = dict(facts) | {r.name: r.made for r in requests if r.made}
    wanted = [r for r in requests if _is_new(state, r, parent)]
    decisions: dict[str, Decision] = {}
    for request in sorted(wanted, key=lambda r: created(r.made))[:BATCH]:
        state, decision = admit(state, request, parent, known)
        decisions[request.name] = decision
        if isinstance(decision, Enqueued):
            gone = Refused(Reason.SUPERSEDED, request.name)
            decisions |= dict.fromkeys(decision.superseded, gone)
    return state, decisions


def _is_new(state: QueueState, request: Request, parent: Parent) -> bool:
    made = request.made
    return (
        made is not None
        and not made.over
        and not made.dry
        and made.owner_uid == parent.uid
        and not state.lists(request.name)
    )


def in_order(names: Iterable[str], facts: Facts) -> tuple[str, ...]:
    """Return the names by the second in which their Runs were made; within one, as they stand.

    A Run that is not made yet will be made later than all that are.
    """
    return tuple(sorted(names, key=lambda name: created(facts.get(name))))


def created(fact: RunFact | None) -> datetime:
    """Return when a Run was made; what is not made yet comes after all that is."""
    return fact.created if fact else _LAST


def collapse(state: QueueState, facts: Facts) -> tuple[QueueState, tuple[str, ...]]:
    """Keep only the newest of the Runs that wait; return the names of those that never run.

    A Run that is not made yet supersedes the others once it is.
    """
    line = in_order(state.queue, facts)
    made = [name for name in line if facts.get(name)]
    superseded = tuple(made[:-1])
    tokens = (fact.token for name in superseded if (fact := facts.get(name)))
    return replace(state, queue=line).without(*superseded).remembering(*tokens), superseded


def _may_run_now(state: QueueState, request: Request, parent: Parent) -> bool:
    """Tell whether nothing is before it and there is room.

    Where only one may run, a Run that is not made yet is never active: it could be made at any
    time later, after others took its place because it seemed lost.
    """
    exists = request.made is not None or parent.policy == "Allow"
    return exists and not state.queue and len(state.active) < parent.room


def _activated(state: QueueState, name: str) -> tuple[QueueState, Decision]:
    return replace(state, active=(*state.active, name)), Admitted()


def _wait_in_line(
    state: QueueState, request: Request, parent: Parent, facts: Facts
) -> tuple[QueueState, Decision]:
    if _may_run_now(state, request, parent):
        return _activated(state, request.name)
    known = {**facts, request.name: request.made}
    line = in_order((*state.queue, request.name), known)
    before = line.index(request.name)
    # Whoever was made later and is in the line already takes no place away: if a refusal were not
    # written before a crash, the next look would let the refused one start after the later one.
    if before >= parent.limit:
        return state, Refused(Reason.QUEUE_FULL, state.queue[-1])
    return replace(state, queue=line), Enqueued(before + 1)


def _only_if_idle(
    state: QueueState, request: Request, parent: Parent, facts: Facts
) -> tuple[QueueState, Decision]:
    before = (*state.active, *state.queue)
    # One that has ended was there before any that is under way now.
    blocker = _was_under_way(request, facts) or (before[0] if before else None)
    if blocker is not None:
        return state, Refused(Reason.FORBIDDEN, blocker)
    if request.made is not None and parent.room:
        return _activated(state, request.name)
    return replace(state, queue=(request.name,)), Enqueued(1)


def _was_under_way(request: Request, facts: Facts) -> str | None:
    """Return a Run that had not ended when the request was made, although it has by now.

    So a request that comes to be looked at late (the operator was down) is decided on as if it had
    been looked at in time. Creation is known to the second: who may have come after the end is let
    pass.
    """
    if request.made is None:
        return None
    made = request.made.created
    for fact in facts.values():
        if (
            fact is not None
            and fact.name != request.name
            and not fact.dry
            and fact.owner_uid == request.made.owner_uid
            and fact.phase in ("Succeeded", "Failed", "Cancelled")
            and fact.finished_at is not None
            and fact.created <= made
            and made + _SECOND <= fact.finished_at
        ):
            return fact.name
    return None


def _newest_waits(
    state: QueueState, request: Request, parent: Parent, facts: Facts
) -> tuple[QueueState, Decision]:
    if _may_run_now(state, request, parent):
        return _activated(state, request.name)
    known = {**facts, request.name: request.made}
    line = replace(state, queue=(*state.queue, request.name))
    waiting, superseded = collapse(line, known)
    if request.name in superseded:
        return waiting, Refused(Reason.SUPERSEDED, waiting.queue[0])
    stopped = state.active if parent.policy == "Replace" else ()
    return waiting, Enqueued(waiting.queue.index(request.name) + 1, superseded, stopped)
