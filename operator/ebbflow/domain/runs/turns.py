"""What happens when Runs end: the parent forgets them, and the next ones' turn comes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ebbflow.domain.runs.admission import collapse, in_order
from ebbflow.domain.runs.queue import Facts, Parent, QueueState, RunFact

LOST_AFTER: Final = timedelta(minutes=1)
"""How long a recorded Run may not be there before it counts as lost, and how long a Run that ended
is kept at least: longer than whoever recorded it can take to make it.
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a new state comes with. `admitted` may start. `superseded` never run: mark them Skipped.
    `cancel` are to be stopped. `look`: whether these exist must be asked by name before more can be
    decided; nothing is wrong with them.
    """

    admitted: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()
    look: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repair:
    """What was put right: `finished` had ended, `withdrawn` do not exist (never made, or removed by
    force), or belong to another parent. `cancel` are being deleted while not ended: stop them.
    """

    finished: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()


def finish(state: QueueState, run: RunFact) -> QueueState:
    """Return the state after a Run has ended, which its own status says already."""
    return state.without(run.name).remembering(run.token)


def forget(state: QueueState, runs: Iterable[RunFact]) -> QueueState:
    """Return the state that remembers Runs of triggers which the history is about to lose."""
    tokens = (run.token for run in runs if run.for_trigger)
    return state.remembering(*(token for token in tokens if token not in state.recent))


def advance(state: QueueState, parent: Parent, facts: Facts) -> tuple[QueueState, Turn]:
    """Give their turn to those that wait, in order, as far as there is room.

    Nobody is overtaken because a read was too old to show it: a Run that the facts do not know of
    has to be looked for first.
    """
    look = tuple(name for name in state.queue if name not in facts)
    if look:
        return state, Turn(look=look, cancel=_in_the_way(state, parent))
    superseded: tuple[str, ...] = ()
    if parent.policy in ("Latest", "Replace"):
        state, superseded = collapse(state, facts)
    line = in_order(state.queue, facts)
    ready = [name for name in line if (fact := facts[name]) and not fact.over]
    admitted = tuple(ready[: max(0, parent.room - len(state.active))])
    moved = replace(
        state,
        active=(*state.active, *admitted),
        queue=tuple(name for name in line if name not in admitted),
    )
    return moved, Turn(admitted, superseded, _in_the_way(moved, parent))


def _in_the_way(state: QueueState, parent: Parent) -> tuple[str, ...]:
    return state.active if parent.policy == "Replace" and state.queue else ()


def repair(
    state: QueueState, parent: Parent, facts: Facts, lost: Collection[str] = ()
) -> tuple[QueueState, Repair]:
    """Bring the state in line with what the Runs say. Names without a fact are left alone.

    `lost`: Runs that were not there for longer than any request takes (LOST_AFTER). They are
    withdrawn, not remembered: if one was never made, its trigger will ask again. One that is only
    not there yet is about to be made, and could start right after.
    """
    known = {name: facts[name] for name in (*state.active, *state.queue) if name in facts}
    ours = {n: f for n, f in known.items() if f is not None and f.owner_uid == parent.uid}
    withdrawn = tuple(n for n, f in known.items() if n not in ours and (f or n in lost))
    finished = tuple(name for name, fact in ours.items() if fact.over)
    cancel = tuple(name for name, fact in ours.items() if fact.deleting and not fact.over)
    for name in finished:
        state = finish(state, ours[name])
    return state.without(*withdrawn), Repair(finished, withdrawn, cancel)
