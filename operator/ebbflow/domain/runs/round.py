"""One look at a parent and all its Runs: who ended, who is new, whose turn it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ebbflow.api.reasons import Reason
from ebbflow.domain.runs.admission import Refused, accept
from ebbflow.domain.runs.queue import Facts, Parent, QueueState, Request, RunFact
from ebbflow.domain.runs.turns import advance, repair


@dataclass(frozen=True, slots=True)
class Round:
    """What is to be written, and what follows for the Runs once it is.

    `state` is the parent's queue from now on. `refused` never run; `cancel` are to be stopped;
    `finished` had ended and are off the parent's lists now.
    """

    state: QueueState
    refused: Mapping[str, Refused] = field(default_factory=dict)
    cancel: frozenset[str] = frozenset()
    finished: tuple[str, ...] = ()


def play_round(state: QueueState, parent: Parent, runs: Iterable[RunFact]) -> Round:
    """Bring the queue in line with the Runs, take in new ones, and give the next ones their turn.

    `runs` are all of the source's Runs from one list that was read after the parent: what is not
    among them does not exist. Those of another parent are left alone.
    """
    found = {run.name: run for run in runs}
    listed: Facts = {name: found.get(name) for name in (*state.active, *state.queue)}
    facts: Facts = {**listed, **found}
    state, repaired = repair(state, parent, facts)
    asked = [
        Request(run.name, run, automatic=run.for_trigger)
        for run in found.values()
        if run.owner_uid == parent.uid and not run.over and not run.cancel and not run.deleting
    ]
    state, decisions = accept(state, asked, parent, facts)
    state, turn = advance(state, parent, facts)
    refused = {name: said for name, said in decisions.items() if isinstance(said, Refused)}
    newest = state.queue[-1] if state.queue else None
    refused |= dict.fromkeys(turn.superseded, Refused(Reason.SUPERSEDED, newest))
    stopped = (name for said in decisions.values() for name in getattr(said, "cancel", ()))
    cancel = frozenset((*repaired.cancel, *turn.cancel, *stopped)) & frozenset(found)
    ended = tuple(r.name for r in found.values() if r.over and r.owner_uid == parent.uid)
    return Round(state, refused, cancel, ended)
