"""Run execution: one pass takes one Run as far as it goes now."""

from __future__ import annotations

import logging

from ebbflow.api.base import Key
from ebbflow.api.reasons import Reason
from ebbflow.api.run import RevisionReference, Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.conditions import is_requested, requested
from ebbflow.domain.edit_record import RecordKey
from ebbflow.domain.objects import ObjectWatch
from ebbflow.domain.outcome import Postponed
from ebbflow.domain.ports import (
    Clock,
    Cluster,
    ClusterError,
    InvalidObject,
    Leadership,
    StaleWrite,
    Wake,
)
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.chain import parent_run
from ebbflow.domain.runs.content import Content, read_content, snapshot_of
from ebbflow.domain.runs.gate import (
    Continue,
    Ended,
    Fenced,
    NotOurs,
    NotYet,
    Start,
    Stop,
)
from ebbflow.domain.runs.plan import Over
from ebbflow.domain.runs.queue import FINAL_PHASES, is_held
from ebbflow.domain.runs.standing import standing
from ebbflow.domain.runs.states import cancelled, read_states
from ebbflow.domain.runs.triggered import trigger_of
from ebbflow.domain.times import format_micro_time
from ebbflow.services.runs import run_report as report
from ebbflow.services.runs.node_statuses import NodeStatuses
from ebbflow.services.runs.run_memory import RunMemory
from ebbflow.services.runs.run_queue import PARENT, SOURCE_RECHECK, RunQueue, fact_of, queue_of
from ebbflow.services.runs.run_rounds import RunRounds
from ebbflow.services.runs.run_start import CannotRun, RunStart
from ebbflow.services.runs.run_visit import Visit, visit_of
from ebbflow.services.runs.run_work import Work

log = logging.getLogger(__name__)


class RunExecution:
    """Reconciles one Run: passes the gate, plans, records, acts, and records what came of it."""

    def __init__(
        self,
        cluster: Cluster,
        store: RunStore,
        start: RunStart,
        rounds: RunRounds,
        queue: RunQueue,
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
        self._queue = queue
        self._watch = watch
        self._wake = wake
        self._clock = clock
        self._leadership = leadership
        self._record_key = record_key
        self._memories: dict[Key, tuple[str, RunMemory]] = {}

    async def reconcile(self, key: Key) -> Postponed | None:
        """Make one pass. Raises StaleWrite if something changed under it, ClusterError.

        Whatever else it raises is a fault of ours: the Run says so, and the caller tries again.
        """
        try:
            return await self._reconcile(key)
        except (ClusterError, InvalidObject):
            raise
        except Exception as error:  # people must learn of it where they look: at the Run
            await self._tell_fault(key, error)
            raise

    async def _reconcile(self, key: Key) -> Postponed | None:
        fresh = self._queue.take_fresh(key)
        if fresh is not None:
            return await self._pass(self._visit(*fresh))
        run = await self._store.get(key.namespace, key.name)
        if run is None:
            self._forget(key)
            return None
        after = await self._look_after(run)
        if is_requested(run):
            await self._answer(run)
        return after

    async def _look_after(self, run: Run) -> Postponed | None:
        if run.spec.source.kind != PARENT:
            return await self._without_source(run)
        if not is_held(run) and _is_let_alone(run):
            # The queue's pass has not taken it in yet, or has let it go.
            self._forget(run.key)
            return None
        name = run.spec.source.name
        parent = await self._cluster.get(Template, run.metadata.namespace, name)
        return await self._pass(self._visit(run, parent))

    async def _answer(self, asked: Run) -> None:
        """Tell who asked for a pass by annotation that it was made.

        The pass may have written to the Run, so it is read again.
        """
        run = await self._store.get(*asked.key[1:])
        if run is not None:
            told = {"last_handled_requested_at": requested(asked)}
            await self._store.write_status(run, run.status.model_copy(update=told))

    def _visit(self, run: Run, parent: Template | None) -> Visit:
        return visit_of(run, parent, self._leadership.fence, self._record_key())

    async def _pass(self, visit: Visit) -> Postponed | None:
        run = visit.run
        match visit.passage:
            case NotYet() | NotOurs():
                return None
            case Ended():
                self._forget(run.key)
                if is_held(run):
                    self._wake(queue_of(run))
                return None
            case Fenced(by):
                await self._leadership.prove(above=by)
                raise StaleWrite(f"another leadership works on {run.key}", code=409)
            case Stop() if run.status.started_at is None:
                now = self._clock.now()
                status = report.stopped(run, visit.why, visit.replaced_by, now)
                await self._finished(run, status, visit.parent)
                return None
            case Start():
                return await self._begin(visit)
            case Continue() | Stop():
                return await self._go_on(visit)

    async def _without_source(self, run: Run) -> Postponed | None:
        """There is nothing yet that could run this kind of source."""
        if run.status.phase in (None, "Pending") and not run.metadata.deletion_timestamp:
            await self._store.write_status(run, report.source_missing(run, self._clock.now()))
        return Postponed(SOURCE_RECHECK)

    async def _begin(self, visit: Visit) -> Postponed | None:
        run, parent, now = visit.run, visit.parent, self._clock.now()
        began = format_micro_time(now)
        self._queue.take_fresh(run.key)  # it may have come while this pass read for itself
        beginning = run.status.model_copy(update={"started_at": began})
        try:
            begun = await self._start.begin(run, parent)
            memory = await self._start.recollect(
                run.model_copy(update={"status": beginning}), parent, begun.content
            )
        except CannotRun as error:
            await self._finished(run, report.failed(run, error.reason, str(error), now), parent)
            return None
        self._memories[run.key] = run.metadata.uid, memory
        status = standing(
            run,
            "Running",
            Reason.RUNNING,
            "The run is under way",
            now,
            fence=visit.fence,
            trigger=trigger_of(run, self._record_key()),
            commit=begun.content.commit,
            document_ref=RevisionReference(name=begun.snapshot),
            started_at=began,
        )
        started = run.model_copy(update={"status": status})
        work = Work(run, started, parent, memory, dict(begun.states))
        return await self._work(work, visit)

    async def _go_on(self, visit: Visit) -> Postponed | None:
        run = await self._held(visit.run, visit)
        try:
            memory = await self._recollected(visit)
        except CannotRun as error:
            await self._finished(run, self._broken_off(run, error), visit.parent)
            return None
        # From here on a leader that does not know that it was replaced is refused.
        fenced = run.status.model_copy(update={"fence": visit.fence})
        work = Work(
            stored=run,
            run=run.model_copy(update={"status": fenced}),
            parent=visit.parent,
            memory=memory,
            states=read_states(run.status),
            changes=list(run.status.plan or ()),
            gone=visit.gone,
            cancel=visit.to_stop,
            replaced_by=visit.replaced_by,
        )
        return await self._work(work, visit)

    async def _held(self, run: Run, visit: Visit) -> Run:
        """Hold a Run that has to wait, so that whoever deletes it has it stopped; one that came to
        its end at once was never held. Nothing that is being deleted can be held any more.
        """
        if visit.gone or run.metadata.deletion_timestamp:
            return run
        return await self._store.tie(run, visit.parent)

    async def _recollected(self, visit: Visit) -> RunMemory:
        """Return what is known of a Run under way, found out anew after a restart.

        Raises CannotRun, ClusterError.
        """
        run = visit.run
        uid, memory = self._memories.get(run.key, ("", None))
        if memory is None or uid != run.metadata.uid:
            content = await self._content(visit)
            memory = await self._start.recollect(run, visit.parent, content)
            memory.inherited = {
                state.path: state.attempt
                for state in read_states(run.status).values()
                if state.phase == "Running" and state.attempt
            }
            self._memories[run.key] = run.metadata.uid, memory
        return memory

    async def _content(self, visit: Visit) -> Content:
        """Read the Run's copy of its document; one that somebody removed is made anew if it can be.

        Raises CannotRun if the document has changed since.
        """
        run, parent = visit.run, visit.parent
        name = run.status.document_ref.name if run.status.document_ref else ""
        raw = await self._store.read(run.metadata.namespace, name) if name else None
        if raw is not None:
            return read_content(raw)
        same = snapshot_of(parent, self._record_key())
        if same.name != name:
            raise CannotRun(
                f"the ControllerRevision {name} with the document of the Run is gone, and the"
                " source holds another document now: make another Run"
            )
        await self._store.keep(same, run)
        return read_content(same.content)

    def _broken_off(self, run: Run, error: CannotRun) -> RunStatus:
        """Return the status of a Run that cannot go on: nobody looks after its nodes any more."""
        now = self._clock.now()
        states = {
            path: state if state.over else cancelled(state, now, "the Run could not go on")
            for path, state in read_states(run.status).items()
        }
        nodes = NodeStatuses().of(states)
        return standing(run, "Failed", error.reason, str(error), now, nodes=nodes)

    async def _work(self, work: Work, visit: Visit) -> Postponed | None:
        outcome = await self._rounds.go(work)
        if isinstance(outcome, Over):
            by_hand = work.cancel is not None and outcome.reason is Reason.CANCELLED
            ended = standing(
                work.run,
                outcome.phase,
                outcome.reason,
                report.cancelled_because(visit.why) if by_hand else outcome.message,
                self._clock.now(),
                nodes=work.node_statuses(),
                **work.plan_fields(),
            )
            await self._finished(work.stored, ended, work.parent)
            return None
        await self._held(work.stored, visit)
        for made, targets in ((True, outcome.advance.made), (False, outcome.advance.others)):
            for account, objects in (targets or {}).items():
                self._watch.follow(work.run.key, account, objects, made=made)
        return None if outcome.after is None else Postponed(outcome.after)

    async def _finished(self, run: Run, status: RunStatus, parent: Template) -> None:
        """Write how the Run ended, then let the queue take note of it."""
        stored = await self._store.write_status(run, status)
        self._forget(run.key)
        bad = status.phase == "Failed"
        log.info("%s: %s %s", run.metadata.name, status.phase, status.message or "")
        await self._queue.ended(stored, parent)
        if (waiting := parent_run(run)) is not None:
            self._wake(waiting)
        if status.phase != "Succeeded":
            # That all went well is in the statuses of the Run and of its source.
            message = status.message or ""
            await self._store.announce(stored, status.reason or "", message, warning=bad)

    async def _tell_fault(self, key: Key, error: Exception) -> None:
        """Say in the status of a Run that we failed at it, if it is ours to say."""
        # What is remembered of the Run may be the cause.
        self._forget(key)
        try:
            run = await self._store.get(key.namespace, key.name)
            if run is None or not is_held(run) or run.status.phase in FINAL_PHASES:
                return
            if (run.status.fence or 0) <= self._leadership.fence:
                status = report.fault_of_ours(run, error, self._clock.now())
                await self._store.write_status(run, status)
        except (ClusterError, InvalidObject) as failure:
            log.warning("%s: that ebbflow failed at it could not be told: %s", key, failure)

    def _forget(self, key: Key) -> None:
        self._memories.pop(key, None)
        self._watch.forget(key)


def _is_let_alone(run: Run) -> bool:
    fact = fact_of(run)
    return fact.over or fact.owner_uid is None
