"""One look at a parent and all its Runs: who ended, who is new, whose turn it is. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ebbflow.api.reasons import Reason
from ebbflow.domain.runs.admission import Admitted, Enqueued, Refused, accept, admit
from ebbflow.domain.runs.queue import Facts, Parent, QueueState, Request, RunFact
from ebbflow.domain.runs.turns import advance, repair


@dataclass(frozen=True, slots=True)
class Round:
    """What is to be written, and what follows for the Runs once it is.

    `state` is the parent's queue from now on. `refused` never run; `cancel` are to be stopped;
    `finished` had ended and are off the parent's lists now; `ending` were cancelled or deleted and
    have not ended, which is for them to do; `missing` are listed and not there. `dry` have not
    begun: they wait for nobody. `more`: Runs are left to be decided on, in another round.
    """

    state: QueueState
    refused: Mapping[str, Refused] = field(default_factory=dict)
    cancel: frozenset[str] = frozenset()
    finished: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dry: tuple[str, ...] = ()
    more: bool = False


def play_round(
    state: QueueState, parent: Parent, runs: Iterable[RunFact], lost: Collection[str] = ()
) -> Round:
    """Bring the queue in line with the Runs, take in new ones, and give the next ones their turn.

    `runs` are all of the source's Runs from one list that was read after the parent: what is not
    among them does not exist. Those of another parent are left alone. `lost`: names that were
    missing for longer than any request takes (turns.LOST_AFTER); they are given up.
    """
    found = {run.name: run for run in runs}
    listed: Facts = {name: found.get(name) for name in (*state.active, *state.queue)}
    facts: Facts = {**listed, **found}
    ours = [run for run in found.values() if run.owner_uid == parent.uid]
    state, repaired = repair(state, parent, facts, lost)
    asked = [
        Request(run.name, run, automatic=run.for_trigger)
        for run in ours
        if not run.over and not run.cancel and not run.deleting and not run.dry
    ]
    state, decisions = accept(state, asked, parent, facts)
    state, turn = advance(state, parent, facts)
    newest = state.queue[-1] if state.queue else None
    superseded = dict.fromkeys(turn.superseded, Refused(Reason.SUPERSEDED, newest))
    decided = {**decisions, **superseded}
    stopped = [n for said in decisions.values() if isinstance(said, Enqueued) for n in said.cancel]
    return Round(
        state,
        refused={name: said for name, said in decided.items() if isinstance(said, Refused)},
        cancel=frozenset((*repaired.cancel, *turn.cancel, *stopped)) & frozenset(found),
        finished=tuple(run.name for run in ours if run.over),
        ending=tuple(r.name for r in ours if not r.over and (r.cancel or r.deleting)),
        missing=tuple(name for name in (*state.active, *state.queue) if name not in found),
        dry=tuple(run.name for run in ours if run.dry and not run.over and not run.started),
        more=any(not state.lists(one.name) and one.name not in decided for one in asked),
    )


def beside_others(state: QueueState, parent: Parent, run: RunFact) -> QueueState | None:
    """Return the queue with a trigger's Run under way beside the others; None if that needs a round.

    Only under Allow: there no Run can be overtaken, so nothing need be known of the others. The
    Run must exist, and `state` be what it is recorded in by compare-and-swap.
    """
    if parent.policy != "Allow" or run.owner_uid != parent.uid:
        return None
    state, decision = admit(state, Request(run.name, run, automatic=True), parent, {run.name: run})
    return state if isinstance(decision, Admitted) else None


def replaced_by(state: QueueState, parent: Parent, name: str) -> str | None:
    """Return the Run for which an active one is stopped under Replace; None if it is for none."""
    if parent.policy != "Replace" or name not in state.active or not state.queue:
        return None
    return state.queue[-1]
