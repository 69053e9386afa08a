"""The queue of one Template's Runs: who may run, who waits, who never runs; kept in its status."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.run import Run
from ebbflow.api.template import LastRun, Template
from ebbflow.domain.effective import parent_of
from ebbflow.domain.outcome import Postponed
from ebbflow.domain.ports import Clock, Cluster, Leadership, StaleWrite, Wake
from ebbflow.domain.run_store import RunStore, owner_of
from ebbflow.domain.runs.admission import Refused
from ebbflow.domain.runs.chain import parent_run
from ebbflow.domain.runs.gate import Fenced, fenced
from ebbflow.domain.runs.history import surplus
from ebbflow.domain.runs.queue import (
    RunFact,
    is_held,
    read_queue,
    run_fact,
)
from ebbflow.domain.runs.round import Round, play_round
from ebbflow.domain.runs.turns import forget
from ebbflow.services import run_report as report
from ebbflow.services.source_end import SourceEnd

PARENT = "Template"
KIND = "RunQueue"
"""The kind of the keys under which queues are reconciled; no object has it."""


RUNS_END: Final = timedelta(seconds=5)
"""How soon to look again whether Runs of a deleted parent have ended; usually their end tells."""


def queue_key(source: Key) -> Key:
    """Return the key under which the queue of a source is reconciled."""
    return Key(KIND, source.namespace, source.name)


class RunQueue:
    """Reconciles the queue of one Template."""

    def __init__(
        self,
        cluster: Cluster,
        store: RunStore,
        end: SourceEnd,
        wake: Wake,
        clock: Clock,
        leadership: Leadership,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._end = end
        self._wake = wake
        self._clock = clock
        self._leadership = leadership

    async def reconcile(self, key: Key) -> Postponed | None:
        """Make one pass: take in new Runs, let go of ended ones, give the next their turn.

        Raises StaleWrite if something changed under the pass (make another), ClusterError if the
        API server refused something.
        """
        source = Key(PARENT, key.namespace, key.name)
        parent = await self._cluster.get(Template, key.namespace, key.name)
        runs = await self._store.runs_of(source)
        if parent is None or parent.metadata.deletion_timestamp:
            await self._let_go(runs)
            return await self._after_all(parent, runs)
        state = fenced(read_queue(parent.status), self._leadership.fence)
        if isinstance(state, Fenced):
            await self._leadership.prove(above=state.by)
            raise StaleWrite(f"another leadership wrote the queue of {source}", code=409)
        parent = await self._end.prepare(parent)
        runs = await self._tied(parent, runs)
        facts = {run.metadata.name: _fact(run) for run in runs}
        outcome = play_round(state, parent_of(parent), facts.values())
        gone = surplus(runs, parent.spec.history, outcome.state)
        state = forget(outcome.state, (facts[run.metadata.name] for run in gone))
        await self._store.write_queue(parent, state, last_run(runs))
        named = {run.metadata.name: run for run in runs}
        await self._tell(outcome, named, suspended=parent.spec.suspend)
        for run in gone:
            await self._store.delete(run)
        return None

    async def _after_all(self, parent: Template | None, runs: tuple[Run, ...]) -> Postponed | None:
        """Go on with a parent's end once none of its Runs makes anything any more."""
        if parent is None:
            return None
        if any(_fact(run).started for run in runs):
            return Postponed(RUNS_END)
        return await self._end.go(parent)

    async def _tied(self, parent: Template, runs: tuple[Run, ...]) -> tuple[Run, ...]:
        """Tie Runs that people made to their parent, so that none of them can vanish unseen."""
        return tuple([await self._tie(parent, run) for run in runs])

    async def _tie(self, parent: Template, run: Run) -> Run:
        new = owner_of(run, PARENT) is None and run.status.phase in (None, "Pending")
        if not new or run.metadata.deletion_timestamp:
            return run
        return await self._store.tie(run, parent)

    async def _tell(self, outcome: Round, runs: dict[str, Run], *, suspended: bool) -> None:
        """Carry out what the new queue means for the Runs; all of it can be repeated."""
        for name, refused in outcome.refused.items():
            await self._skip(runs[name], refused)
        for name in outcome.cancel:
            await self._store.cancel(runs[name])
        for name in outcome.finished:
            await self._store.release(runs[name])
        for place, name in enumerate(outcome.state.queue, 1):
            if name in runs:
                before = next(iter(outcome.state.active), None)
                waits = report.queued(
                    runs[name], place, before, self._clock.now(), suspended=suspended
                )
                await self._store.write_status(runs[name], waits)
        for name in outcome.state.active:
            if name in runs and not _fact(runs[name]).started:
                self._wake(Key("Run", runs[name].metadata.namespace, name))

    async def _skip(self, run: Run, refused: Refused) -> None:
        ended = report.skipped(run, refused.reason, refused.by, self._clock.now())
        stored = await self._store.write_status(run, ended)
        await self._store.announce(stored, refused.reason.value, ended.message or "", warning=False)
        await self._store.release(stored)
        if (waiting := parent_run(run)) is not None:
            self._wake(waiting)

    async def _let_go(self, runs: tuple[Run, ...]) -> None:
        """The parent is gone or going: what runs is stopped, what has ended is free to go."""
        for run in runs:
            if not is_held(run):
                continue
            if _fact(run).over:
                await self._store.release(run)
            elif _fact(run).started:
                await self._store.cancel(run)
                self._wake(run.key)
            else:
                ended = report.cancelled(run, "its source is gone", self._clock.now())
                await self._store.release(await self._store.write_status(run, ended))


def _fact(run: Run) -> RunFact:
    return run_fact(run, owner_of(run, PARENT))


def last_run(runs: tuple[Run, ...]) -> JsonObject:
    """Return what a parent's status says of its newest Run; empty without Runs."""
    shown = [run for run in runs if run.status.phase not in (None, "Queued", "Pending")]
    if not shown:
        return {}
    newest = max(shown, key=lambda run: (run.status.started_at or "", run.metadata.name))
    said = LastRun(
        name=newest.metadata.name,
        phase=newest.status.phase or "Pending",
        finished_at=newest.status.finished_at,
    )
    return {"lastRun": said.dump()}
