"""Run execution: one pass takes one Run as far as it goes now."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.reasons import Reason
from ebbflow.api.run import RevisionReference, Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.edit_record import RecordKey
from ebbflow.domain.effective import parent_of
from ebbflow.domain.objects import ObjectWatch
from ebbflow.domain.outcome import Postponed
from ebbflow.domain.ports import Clock, Cluster, Leadership, StaleWrite, Wake
from ebbflow.domain.run_store import RunStore, owner_of
from ebbflow.domain.runs.chain import parent_run
from ebbflow.domain.runs.content import Content, read_content
from ebbflow.domain.runs.gate import (
    Continue,
    Ended,
    Fenced,
    NotOurs,
    NotYet,
    Passage,
    Start,
    Stop,
    pass_gate,
)
from ebbflow.domain.runs.plan import Over
from ebbflow.domain.runs.queue import format_micro_time, read_queue, run_fact
from ebbflow.domain.runs.standing import standing
from ebbflow.domain.runs.states import read_states
from ebbflow.domain.runs.triggered import trigger_of
from ebbflow.services import run_report as report
from ebbflow.services.run_memory import RunMemory
from ebbflow.services.run_queue import PARENT, queue_key
from ebbflow.services.run_rounds import RunRounds, Work
from ebbflow.services.run_start import CannotRun, RunStart

log = logging.getLogger(__name__)

SOURCE_RECHECK: Final = timedelta(seconds=10)


class RunExecution:
    """Reconciles one Run: passes the gate, plans, records, acts, and records what came of it."""

    def __init__(
        self,
        cluster: Cluster,
        store: RunStore,
        start: RunStart,
        rounds: RunRounds,
        watch: ObjectWatch,
        wake: Wake,
        clock: Clock,
        leadership: Leadership,
        record_key: RecordKey,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._start = start
        self._rounds = rounds
        self._watch = watch
        self._wake = wake
        self._clock = clock
        self._leadership = leadership
        self._record_key = record_key
        self._memories: dict[str, RunMemory] = {}

    async def reconcile(self, key: Key) -> Postponed | None:
        """Make one pass. Raises StaleWrite if something changed under it, ClusterError."""
        run = await self._store.get(key.namespace, key.name)
        if run is None:
            self._watch.forget(key)
            return None
        parent = await self._parent(run)
        if parent is None:
            return await self._without_source(run)
        fact = run_fact(run, owner_of(run, PARENT))
        state = read_queue(parent.status)
        passage = pass_gate(state, parent_of(parent), fact, self._leadership.fence)
        return await self._pass(passage, run, parent)

    async def _pass(self, passage: Passage, run: Run, parent: Template) -> Postponed | None:
        match passage:
            case NotYet() | NotOurs():
                return None
            case Ended():
                self._forget(run)
                return None
            case Fenced(by):
                await self._leadership.prove(above=by)
                raise StaleWrite(f"another leadership works on {run.key}", code=409)
            case Stop() if run.status.started_at is None:
                ended = report.cancelled(run, _why_stopped(run), self._clock.now())
                await self._finished(run, ended)
                return None
            case Start(fence):
                return await self._begin(run, parent, fence)
            case Continue() | Stop():
                return await self._go_on(run, parent)

    async def _parent(self, run: Run) -> Template | None:
        if run.spec.source.kind != PARENT:
            return None
        name = run.spec.source.name
        return await self._cluster.get(Template, run.metadata.namespace, name)

    async def _without_source(self, run: Run) -> Postponed | None:
        """The queue's pass lets a Run go whose source was deleted; here it never was there."""
        if run.status.phase in (None, "Pending") and not run.metadata.deletion_timestamp:
            await self._store.write_status(run, report.source_missing(run, self._clock.now()))
            return Postponed(SOURCE_RECHECK)
        self._wake(queue_key(Key(PARENT, run.metadata.namespace, run.spec.source.name)))
        return None

    async def _begin(self, run: Run, parent: Template, fence: int) -> Postponed | None:
        now = self._clock.now()
        try:
            begun = await self._start.begin(run, parent)
            begun_run = run.model_copy(
                update={
                    "status": run.status.model_copy(update={"started_at": format_micro_time(now)})
                }
            )
            memory = await self._start.recollect(begun_run, parent, begun.content)
        except CannotRun as error:
            await self._finished(run, report.failed(run, error.reason, str(error), now))
            return None
        self._memories[run.metadata.uid] = memory
        status = standing(
            run,
            "Running",
            Reason.RUNNING,
            "The run is under way",
            now,
            fence=fence,
            trigger=trigger_of(run, self._record_key()),
            commit=begun.content.commit,
            document_ref=RevisionReference(name=begun.snapshot),
            started_at=format_micro_time(now),
        )
        started = run.model_copy(update={"status": status})
        return await self._work(Work(run, started, parent, memory, dict(begun.states), []))

    async def _go_on(self, run: Run, parent: Template) -> Postponed | None:
        memory = self._memories.get(run.metadata.uid)
        if memory is None:
            try:
                content = await self._content(run)
                memory = await self._start.recollect(run, parent, content)
            except CannotRun as error:
                ended = report.failed(run, error.reason, str(error), self._clock.now())
                await self._finished(run, ended)
                return None
            self._memories[run.metadata.uid] = memory
        changes = list(run.status.plan or ())
        return await self._work(Work(run, run, parent, memory, read_states(run.status), changes))

    async def _content(self, run: Run) -> Content:
        name = run.status.document_ref.name if run.status.document_ref else ""
        raw = await self._store.read(run.metadata.namespace, name) if name else None
        if raw is None:
            raise CannotRun(f"the ControllerRevision {name} with the document of the Run is gone")
        return read_content(raw)

    async def _work(self, work: Work) -> Postponed | None:
        outcome = await self._rounds.go(work)
        if isinstance(outcome, Over):
            now = self._clock.now()
            ended = standing(
                work.run,
                outcome.phase,
                outcome.reason,
                outcome.message,
                now,
                nodes=work.node_statuses(),
                **work.plan_fields(),
            )
            await self._finished(work.stored, ended)
            return None
        for made, targets in ((True, outcome.advance.made), (False, outcome.advance.others)):
            for account, objects in (targets or {}).items():
                self._watch.follow(work.run.key, account, objects, made=made)
        return None if outcome.after is None else Postponed(outcome.after)

    async def _finished(self, run: Run, status: RunStatus) -> None:
        """Write how the Run ended, then let the queue take note of it."""
        stored = await self._store.write_status(run, status)
        self._forget(run)
        self._wake(queue_key(Key(PARENT, run.metadata.namespace, run.spec.source.name)))
        if (waiting := parent_run(run)) is not None:
            self._wake(waiting)
        bad = status.phase == "Failed"
        log.info("%s: %s %s", run.metadata.name, status.phase, status.message or "")
        await self._store.announce(stored, status.reason or "", status.message or "", warning=bad)

    def _forget(self, run: Run) -> None:
        self._memories.pop(run.metadata.uid, None)
        self._watch.forget(run.key)


def _why_stopped(run: Run) -> str:
    return "it was deleted" if run.metadata.deletion_timestamp else "spec.cancel is true"
