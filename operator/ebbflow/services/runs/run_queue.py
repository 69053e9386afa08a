"""The queue of one Template's Runs: who may run, who waits, who never runs; kept in its status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.effective import parent_of
from ebbflow.domain.outcome import Postponed, Report
from ebbflow.domain.ports import Clock, Cluster, ClusterError, Leadership, StaleWrite, Wake
from ebbflow.domain.run_store import RunStore, owner_of
from ebbflow.domain.runs.admission import Refused
from ebbflow.domain.runs.chain import parent_run
from ebbflow.domain.runs.gate import Fenced, fenced
from ebbflow.domain.runs.history import room_left, surplus
from ebbflow.domain.runs.queue import (
    QueueState,
    RunFact,
    is_held,
    queue_fields,
    queue_key,
    read_queue,
    run_fact,
)
from ebbflow.domain.runs.round import Round, beside_others, play_round
from ebbflow.domain.runs.turns import LOST_AFTER, finish, forget
from ebbflow.services.runs import run_report as report
from ebbflow.services.runs.inventories import Inventories
from ebbflow.services.runs.queue_places import QueuePlaces
from ebbflow.services.runs.source_end import SourceEnd

log = logging.getLogger(__name__)

PARENT: Final = "Template"

TRIES: Final = 3
"""How often a pass is made at once when somebody else wrote the parent meanwhile: its sync does."""

AT_ONCE: Final = 8
"""Runs of one parent that are written side by side."""

SOURCE_RECHECK: Final = timedelta(seconds=10)

RUNS_END: Final = timedelta(seconds=5)
"""How soon to look again whether Runs of a deleted parent have ended; usually their end tells."""

_CAN_PASS: Final = (0, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
"""Beside what servers say of themselves; 0 is no answer."""

T = TypeVar("T")
Deed = Coroutine[Any, Any, T]


def queue_of(run: Run) -> Key:
    """Return the key under which the queue that a Run waits in is reconciled."""
    return queue_key(_source(run))


class RunQueue:
    """Reconciles the queue of one Template.

    What is kept in memory only saves requests, or waits longer than it has to after a restart.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: RunStore,
        inventories: Inventories,
        end: SourceEnd,
        wake: Wake,
        clock: Clock,
        leadership: Leadership,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._inventories = inventories
        self._end = end
        self._wake = wake
        self._clock = clock
        self._leadership = leadership
        self._fresh: dict[Key, tuple[Run, Template]] = {}
        self._missed: dict[Key, dict[str, float]] = {}
        self._history_room: dict[Key, int] = {}
        self._places = QueuePlaces(clock)

    async def reconcile(self, key: Key) -> Postponed | Report | None:
        """Make one pass: take in new Runs, let go of ended ones, give the next their turn.

        Raises StaleWrite if something changed under the pass (make another), ClusterError if the
        API server refused something; what can go on without it is done all the same.
        """
        source = Key(PARENT, key.namespace, key.name)
        for _ in range(TRIES - 1):
            try:
                return await self._pass(source)
            except StaleWrite as error:
                log.debug("%s: %s", key, error)
        return await self._pass(source)

    def look(self, parent: Template) -> None:
        """Ask for a pass over the queue of a Template."""
        self._wake(queue_key(parent.key))

    def beside(self, run: Run, parent: Template) -> JsonObject | None:
        """Return the fields of the parent's status in which a Run that was just made has its turn.

        They may be written only over `parent` as it was read. None where Runs may come before it.
        """
        state = fenced(read_queue(parent.status), self._leadership.fence)
        if isinstance(state, Fenced) or parent.metadata.deletion_timestamp:
            return None
        beside = beside_others(state, parent_of(parent), fact_of(run))
        if beside is None:
            return None
        return queue_fields(beside) | self._inventories.reserve(parent)

    def take_in(self, run: Run, parent: Template | None) -> None:
        """Give a Run that was just made its turn: at once if `parent`, as it is stored now, lists
        it already, else by a pass.
        """
        if parent is None or run.metadata.name not in (parent.status.active or ()):
            self._wake(queue_of(run))
            return
        if parent.status.last_run is None:
            # None has ended yet, so the history is as empty as it can be.
            limits = parent.spec.history
            self._history_room.setdefault(parent.key, min(limits.succeeded, limits.failed))
        self._fresh[run.key] = run, parent
        self._wake(run.key)

    def take_fresh(self, key: Key) -> tuple[Run, Template] | None:
        """Return a Run that was just given its turn, and its parent as read after it; once."""
        return self._fresh.pop(key, None)

    async def ended(self, run: Run, parent: Template) -> None:
        """Take note that a Run has ended: at once if that is all there is to do, else by a pass.

        `parent` may be out of date, or gone: it is only written if it is not.
        """
        source = _source(run)
        state = self._after_the_last(run, parent)
        if state is None:
            self._wake(queue_of(run))
            return
        try:
            more = report.last_run((run,)) | await self._inventories.counted(parent)
            await self._store.write_queue(parent, state, more)
            await self._store.release(run)
            self._history_room[source] = self._history_room.get(source, 0) - 1
        except ClusterError as error:
            log.debug("%s: %s", run.key, error)
            self._wake(queue_of(run))

    def _after_the_last(self, run: Run, parent: Template) -> QueueState | None:
        """Return the queue after a Run that ran alone; None if there is more to it than that."""
        state = fenced(read_queue(parent.status), self._leadership.fence)
        if isinstance(state, Fenced) or state.queue or state.active != (run.metadata.name,):
            return None
        fact = fact_of(run)
        if fact.owner_uid != parent.metadata.uid:
            return None
        room = self._history_room.get(parent.key, 0)
        return finish(state, fact) if room > 0 and report.is_newest(run, parent) else None

    async def _pass(self, source: Key) -> Postponed | Report | None:
        parent = await self._cluster.get(Template, source.namespace, source.name)
        runs = await self._store.runs_of(source)
        if parent is None or parent.metadata.deletion_timestamp:
            return await self._without(source, parent, runs)
        state = fenced(read_queue(parent.status), self._leadership.fence)
        if isinstance(state, Fenced):
            await self._leadership.prove(above=state.by)
            raise StaleWrite(f"another leadership wrote the queue of {source}", code=409)
        parent = await self._end.prepare(parent)
        tied, refusals = await self._tied(parent, runs)
        ours = {run.metadata.name: run for run in tied if _owner(run) == parent.metadata.uid}
        facts = [fact_of(run) for run in tied]
        outcome = play_round(state, parent_of(parent), facts, self._lost(source))
        gone = surplus(ours.values(), parent.spec.history, outcome.state)
        state = forget(outcome.state, map(fact_of, gone))
        more = report.last_run(ours.values()) | await self._inventories.counted(parent)
        stored = await self._store.write_queue(parent, state, more)
        self._history_room[source] = room_left(ours.values(), gone, parent.spec.history)
        self._give_turns(outcome, ours, None if stored is parent else stored)
        self._let_go(run for run in tied if _owner(run) not in (None, parent.metadata.uid))
        news = self._places.news(parent, outcome, ours)
        said = [self._store.write_status(run, status) for run, status in news.statuses]
        await _all([*self._deeds(outcome, ours), *said, *self._releases(tied)])
        await _all(self._store.delete(run) for run in gone)
        return self._afterwards(source, outcome, refusals, news.after)

    async def _tied(
        self, parent: Template, runs: tuple[Run, ...]
    ) -> tuple[list[Run], list[ClusterError]]:
        """Tie Runs that people made to their parent, so that none of them can vanish unseen.

        Those that we made are tied; where they exclude each other they are held, too.

        One that the API server will not have tied stays as it is, and holds up no other. Raises
        what may pass: if others were accepted meanwhile, they would overtake it.
        """
        refusals: list[ClusterError] = []
        uid, aside = parent.metadata.uid, parent_of(parent).policy == "Allow"

        async def tie(run: Run) -> Run:
            fact = fact_of(run)
            tied = fact.owner_uid is not None and (aside or is_held(run))
            if tied or fact.over or fact.deleting or fact.owner_uid not in (None, uid):
                return run
            try:
                return await self._store.tie(run, parent)
            except ClusterError as error:
                if error.code in _CAN_PASS or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                refusals.append(error)
                return run

        return await _all(map(tie, runs)), refusals

    def _lost(self, source: Key) -> list[str]:
        """Return the listed Runs that were not there for so long that they never will be."""
        before = self._clock.monotonic() - LOST_AFTER.total_seconds()
        return [name for name, since in self._missed.get(source, {}).items() if since <= before]

    def _give_turns(self, outcome: Round, runs: dict[str, Run], parent: Template | None) -> None:
        """Wake the Runs that have something to do. `parent`, if it is newer than they are, saves
        those whose turn it is from reading it and themselves.
        """
        for name in outcome.state.active:
            run = runs.get(name)
            if run is None or fact_of(run).started:
                continue
            if parent is not None:
                self._fresh[run.key] = run, parent
            self._wake(run.key)
        for name in (*outcome.ending, *outcome.dry):
            self._wake(runs[name].key)

    def _deeds(self, outcome: Round, runs: dict[str, Run]) -> Iterator[Deed[object]]:
        """Yield what the new queue means for the Runs; all of it can be repeated."""
        for name, refused in outcome.refused.items():
            yield self._skip(runs[name], refused)
        for name in outcome.cancel - set(outcome.ending):
            yield self._store.cancel(runs[name])

    def _releases(self, runs: Iterable[Run]) -> Iterator[Deed[object]]:
        """Yield the letting go of all that have ended, of an earlier parent too."""
        for run in runs:
            if is_held(run) and fact_of(run).over:
                yield self._store.release(run)

    async def _skip(self, run: Run, refused: Refused) -> None:
        ended = report.skipped(run, refused.reason, refused.by, self._clock.now())
        stored = await self._store.write_status(run, ended)
        await self._store.announce(stored, refused.reason.value, ended.message or "", warning=False)
        await self._store.release(stored)
        if (waiting := parent_run(run)) is not None:
            self._wake(waiting)

    def _afterwards(
        self,
        source: Key,
        outcome: Round,
        refusals: list[ClusterError],
        after: timedelta | None,
    ) -> Postponed | None:
        """Tell when to look again, or why this pass was not all that it should be."""
        if outcome.more:
            self._wake(queue_key(source))
        now = self._clock.monotonic()
        known = self._missed.pop(source, {})
        if outcome.missing:
            self._missed[source] = {name: known.get(name, now) for name in outcome.missing}
        if refusals:
            raise refusals[0]
        if outcome.missing:
            after = min(after or LOST_AFTER, LOST_AFTER)
        return None if after is None else Postponed(after)

    async def _without(
        self, source: Key, parent: Template | None, runs: tuple[Run, ...]
    ) -> Postponed | Report | None:
        """The source is gone or going, or never was: nothing begins, and what runs ends itself."""
        self._missed.pop(source, None)
        self._history_room.pop(source, None)
        self._places.forget(source)
        self._let_go(runs)
        waiting = [run for run in runs if not (is_held(run) or _begun(run))]
        now = self._clock.now()
        said = [self._store.write_status(run, report.source_missing(run, now)) for run in waiting]
        done = [run for run in runs if not self._end.keeps(parent, run)]
        await _all([*self._releases(done), *said])
        if parent is not None:
            # What runs made goes with it once none of them makes anything any more.
            started = any(fact_of(run).started for run in runs)
            return Postponed(RUNS_END) if started else await self._end.go(parent, runs)
        return Postponed(SOURCE_RECHECK) if waiting else None

    def _let_go(self, runs: Iterable[Run]) -> None:
        """Wake the Runs whose parent is gone: each one ends itself."""
        for run in runs:
            if not fact_of(run).over and (is_held(run) or _begun(run)):
                self._wake(run.key)


def _begun(run: Run) -> bool:
    return fact_of(run).started or fact_of(run).over


def _source(run: Run) -> Key:
    return Key(PARENT, run.metadata.namespace, run.spec.source.name)


def _owner(run: Run) -> str | None:
    return owner_of(run, PARENT)


def fact_of(run: Run) -> RunFact:
    """Return what one read of a Run tells its queue."""
    return run_fact(run, _owner(run))


async def _all(deeds: Iterable[Deed[T]]) -> list[T]:
    """Do all of them, some at a time; then raise what one of them raised, if any did."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(deed: Deed[T]) -> T:
        async with gate:
            return await deed

    results = await asyncio.gather(*map(one, deeds), return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
