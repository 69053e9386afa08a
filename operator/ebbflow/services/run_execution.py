"""Run execution: one pass takes one Run as far as it goes now."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from ebbflow.api.base import Key
from ebbflow.api.reasons import Reason
from ebbflow.api.run import PlannedChange, RevisionReference, Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.effective import parent_of
from ebbflow.domain.objects import ObjectWatch
from ebbflow.domain.outcome import Postponed
from ebbflow.domain.ports import Clock, Cluster, Leadership, StaleWrite, Wake
from ebbflow.domain.run_store import RunStore, owner_of
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
from ebbflow.domain.runs.outputs import lacks
from ebbflow.domain.runs.plan import Over, Plan, RunView, plan
from ebbflow.domain.runs.queue import format_micro_time, read_queue, read_time, run_fact
from ebbflow.domain.runs.standing import standing
from ebbflow.domain.runs.states import NodeState, States, read_states, write_states
from ebbflow.services import run_report as report
from ebbflow.services.nodes.kind import Running
from ebbflow.services.run_judge import RunJudge
from ebbflow.services.run_memory import RunMemory
from ebbflow.services.run_nodes import Advance, RunNodes
from ebbflow.services.run_queue import PARENT, queue_key
from ebbflow.services.run_start import CannotRun, RunStart

log = logging.getLogger(__name__)

SOURCE_RECHECK: Final = timedelta(seconds=10)
MESSAGE_EVERY: Final = timedelta(seconds=5)
"""How often a status is written for nothing but the words of nodes that are under way."""

MAX_PLAN: Final = 1000


class RunExecution:
    """Reconciles one Run: passes the gate, plans, records, acts, and records what came of it."""

    def __init__(
        self,
        cluster: Cluster,
        store: RunStore,
        start: RunStart,
        nodes: RunNodes,
        cel: CelCompiler,
        watch: ObjectWatch,
        wake: Wake,
        clock: Clock,
        leadership: Leadership,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._start = start
        self._nodes = nodes
        self._cel = cel
        self._watch = watch
        self._wake = wake
        self._clock = clock
        self._leadership = leadership
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
            commit=begun.content.commit,
            document_ref=RevisionReference(name=begun.snapshot),
            started_at=format_micro_time(now),
        )
        started = run.model_copy(update={"status": status})
        return await self._work(run, started, parent, memory, dict(begun.states))

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
        return await self._work(run, run, parent, memory, read_states(run.status))

    async def _content(self, run: Run) -> Content:
        name = run.status.document_ref.name if run.status.document_ref else ""
        raw = await self._store.read(run.metadata.namespace, name) if name else None
        if raw is None:
            raise CannotRun(f"the ControllerRevision {name} with the document of the Run is gone")
        return read_content(raw)

    async def _work(
        self,
        stored: Run,
        run: Run,
        parent: Template,
        memory: RunMemory,
        states: dict[str, NodeState],
    ) -> Postponed | None:
        """Plan, record, act, as long as something comes of it.

        `stored` is the Run as the API server has it, `run` with the status that it is to have.
        """
        changes: list[PlannedChange] = list(run.status.plan or ())
        while True:
            now = self._clock.now()
            running = _running(run, parent, memory)
            await self._recall(memory, running, states)
            judge, planned = await self._planned(memory, running, states, run, now)
            states = planned.applied(states)
            verdict = planned.verdict
            if isinstance(verdict, Over):
                await self._end(stored, run, states, verdict, changes)
                return None
            wished = _under_way(run, states, planned, now, changes)
            if _worth_writing(stored.status, wished, now):
                stored = run = await self._store.write_status(stored, wished)
            for stop in planned.stop:
                await self._nodes.stop(memory, running, states, judge, stop.path)
                states[stop.path] = stop.then
            if planned.stop:
                continue
            judge = RunJudge(memory, states, now, self._cel)
            advance = await self._nodes.advance(memory, running, states, judge)
            changes += advance.changes
            states |= advance.states
            if _moved(advance):
                continue
            if advance.states:
                # Nothing ended, but some wait for people now: the run as a whole may wait.
                judge, planned = await self._planned(memory, running, states, run, now)
            wished = _under_way(run, states, planned, now, changes)
            if _worth_writing(stored.status, wished, now):
                await self._store.write_status(stored, wished)
            return self._wait(run.key, planned, advance, now)

    async def _planned(
        self, memory: RunMemory, running: Running, states: States, run: Run, now: datetime
    ) -> tuple[RunJudge, Plan]:
        """Plan; once more if it took a Secret that was not read yet."""
        view = RunView(
            started_at=read_time(run.status.started_at or format_micro_time(now)),
            timeout=memory.content.timeout,
            cancel=run.spec.cancel or run.metadata.deletion_timestamp is not None,
        )
        while True:
            judge = RunJudge(memory, states, now, self._cel)
            planned = plan(memory.tree, states, view, now, judge)
            wanted = judge.wanted - memory.secrets.keys()
            if not wanted:
                return judge, planned
            await self._nodes.read_secrets(
                memory, wanted, running.source.namespace, running.account
            )

    async def _recall(self, memory: RunMemory, running: Running, states: States) -> None:
        """After a restart: get outputs again of which the status kept too little."""
        lost = [
            state
            for state in states.values()
            if state.phase == "Succeeded"
            and state.path not in memory.outputs
            and lacks(state.outputs, memory.needs.paths(state.ref))
        ]
        judge = RunJudge(memory, states, self._clock.now(), self._cel)
        for state in lost:
            memory.outputs[state.path] = state.outputs
            await self._nodes.recall(memory, running, states, judge, state.path)

    def _wait(self, key: Key, planned: Plan, advance: Advance, now: datetime) -> Postponed | None:
        for made, targets in ((True, advance.made), (False, advance.others)):
            for account, objects in (targets or {}).items():
                self._watch.follow(key, account, objects, made=made)
        moments = [planned.wake - now] if planned.wake else []
        if advance.after is not None:
            moments.append(advance.after)
        if not moments:
            return None
        return Postponed(max(min(moments), timedelta(0)))

    async def _end(
        self,
        stored: Run,
        run: Run,
        states: States,
        verdict: Over,
        changes: list[PlannedChange],
    ) -> None:
        now = self._clock.now()
        ended = standing(
            run,
            verdict.phase,
            verdict.reason,
            verdict.message,
            now,
            nodes=_nodes(states.values()),
            **_plan_fields(run, changes),
        )
        await self._finished(stored, ended)

    async def _finished(self, run: Run, status: RunStatus) -> None:
        """Write how the Run ended, then let the queue take note of it."""
        stored = await self._store.write_status(run, status)
        self._forget(run)
        self._wake(queue_key(Key(PARENT, run.metadata.namespace, run.spec.source.name)))
        bad = status.phase == "Failed"
        log.info("%s: %s %s", run.metadata.name, status.phase, status.message or "")
        await self._store.announce(stored, status.reason or "", status.message or "", warning=bad)

    def _forget(self, run: Run) -> None:
        self._memories.pop(run.metadata.uid, None)
        self._watch.forget(run.key)


def _running(run: Run, parent: Template, memory: RunMemory) -> Running:
    trigger = run.status.trigger
    editor = memory.content.editor
    return Running(
        key=run.key,
        uid=run.metadata.uid,
        source=parent.key,
        source_uid=parent.metadata.uid,
        account=memory.account,
        commit=memory.content.commit,
        actor=trigger.actor if trigger else None,
        editors=(editor,) if editor else (),
        approvals=run.spec.approvals,
        dry=run.spec.dry_run,
    )


def _under_way(
    run: Run, states: States, planned: Plan, now: datetime, changes: list[PlannedChange]
) -> RunStatus:
    verdict = planned.verdict
    waits = getattr(verdict, "phase", "Running") == "Waiting"
    reason = Reason.WAITING_FOR_APPROVAL if waits else Reason.RUNNING
    return standing(
        run,
        "Waiting" if waits else "Running",
        reason,
        getattr(verdict, "message", "") or "The run is under way",
        now,
        nodes=_nodes(states.values()),
        **_plan_fields(run, changes),
    )


def _nodes(states: Any) -> Any:
    return tuple(RunStatus.model_validate({"nodes": write_states(states)}).nodes or ()) or None


def _plan_fields(run: Run, changes: list[PlannedChange]) -> dict[str, Any]:
    if not run.spec.dry_run:
        return {}
    left = len(changes) - MAX_PLAN
    return {"plan": tuple(changes[:MAX_PLAN]), "plan_left_out": left if left > 0 else None}


def _moved(advance: Advance) -> bool:
    """Tell whether a node ended, so that others may have their turn."""
    return any(not state.under_way for state in advance.states.values())


def _worth_writing(old: RunStatus, new: RunStatus, now: datetime) -> bool:
    """Tell whether a status says more than other words about nodes that are still under way."""
    if _without_words(old) != _without_words(new):
        return True
    return old != new and now >= _last_written(old) + MESSAGE_EVERY


def _without_words(status: RunStatus) -> RunStatus:
    nodes = tuple(n.model_copy(update={"message": None}) for n in status.nodes or ())
    return status.model_copy(update={"nodes": nodes, "message": None, "conditions": ()})


def _last_written(status: RunStatus) -> datetime:
    times = [status.started_at or "1970-01-01T00:00:00Z"]
    times += [
        t for n in status.nodes or () for t in (n.attempt_at, n.finished_at, n.started_at) if t
    ]
    return max(map(read_time, times))


def _why_stopped(run: Run) -> str:
    return "it was deleted" if run.metadata.deletion_timestamp else "spec.cancel is true"
