"""The rounds of one Run: plan, record, act, as long as something comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ebbflow.api.run import NodeStatus, PlannedChange, Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.ports import Clock
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.chain import chain_of
from ebbflow.domain.runs.outputs import lacks
from ebbflow.domain.runs.plan import Over, Plan, RunView, UnderWay, plan
from ebbflow.domain.runs.planned import fitting
from ebbflow.domain.runs.queue import format_micro_time, read_time
from ebbflow.domain.runs.standing import standing
from ebbflow.domain.runs.states import NodeState
from ebbflow.domain.runs.triggered import lacks_its_maker
from ebbflow.services.node_statuses import NodeStatuses, worth_writing
from ebbflow.services.nodes.kind import Running
from ebbflow.services.run_judge import RunJudge
from ebbflow.services.run_memory import RunMemory
from ebbflow.services.run_nodes import Advance, RunNodes

SLICE: Final = timedelta(seconds=2)
"""How long one Run is worked on without a pause; then other Runs that wait have their turn."""


@dataclass(slots=True)
class Work:
    """One Run under work. `stored` is as the API server has it, `run` as its status is to be;
    `written` is the status that was written last.

    `gone`: the source is not there any more, `parent` only tells which one it was. `cancel` is why
    the Run is to be stopped, if it is; `replaced_by` is the Run that takes its place then.
    """

    stored: Run
    run: Run
    parent: Template
    memory: RunMemory
    states: dict[str, NodeState]
    changes: list[PlannedChange] = field(default_factory=list)
    statuses: NodeStatuses = field(default_factory=NodeStatuses)
    written: RunStatus | None = None
    gone: bool = False
    cancel: str | None = None
    replaced_by: str | None = None

    @property
    def running(self) -> Running:
        """What nodes are told of their Run."""
        run, content = self.run, self.memory.content
        trigger = run.status.trigger
        return Running(
            key=run.key,
            uid=run.metadata.uid,
            source=self.parent.key,
            source_uid=self.parent.metadata.uid,
            account=self.memory.account,
            commit=content.commit,
            actor=trigger.actor if trigger else None,
            editors=content.editors,
            maker_unknown=lacks_its_maker(trigger),
            approvals=run.spec.approvals,
            dry=run.spec.dry_run,
            git=content.git,
            chain=chain_of(run),
        )

    def judge(self, now: datetime, cel: CelCompiler) -> RunJudge:
        """Return who answers what expressions tell, as all stands now."""
        return RunJudge(self.memory, self.states, now, cel)

    def node_statuses(self) -> tuple[NodeStatus, ...] | None:
        """Return the nodes as the status has them."""
        return self.statuses.of(self.states)

    def plan_fields(self) -> dict[str, Any]:
        """Return what a dry run found, as the status has it."""
        if not self.run.spec.dry_run:
            return {}
        shown, left = fitting(self.changes)
        return {"plan": shown, "plan_left_out": left or None}


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing more can be done now. `after`: go on then, even if nothing happens before."""

    advance: Advance
    after: timedelta | None


Settle = Callable[[Work, Over], Awaitable[Over]]
"""What is done when all nodes have ended, before the Run says so; it may add to the message."""


class RunRounds:
    """Takes Runs through their rounds."""

    def __init__(
        self, store: RunStore, nodes: RunNodes, cel: CelCompiler, clock: Clock, settle: Settle
    ) -> None:
        self._store = store
        self._settle = settle
        self._nodes = nodes
        self._cel = cel
        self._clock = clock

    async def go(self, work: Work) -> Over | Pause:
        """Go on until the Run is over or has to wait.

        What is to begin is recorded before it begins. Raises StaleWrite if the Run was changed.
        """
        begun = self._clock.now()
        work.states = work.memory.with_words(work.states)
        while True:
            now = self._clock.now()
            await self._recall(work, now)
            planned = await self._plan(work, now)
            work.states = work.memory.with_notes(planned.applied(work.states))
            if isinstance(planned.verdict, Over):
                return planned.verdict if work.gone else await self._settle(work, planned.verdict)
            await self._record(work, planned.verdict, now)
            work.memory.forget(planned.forget)
            if planned.stop:
                await self._stop(work, planned, now)
                continue
            advance = await self._advance(work, now)
            if _moved(advance):
                if now - begun < SLICE:
                    continue
                await self._record(work, UnderWay("Running"), now)
                return Pause(advance, timedelta(0))
            if advance.states:
                # Nothing ended, but some wait for people now: the run as a whole may wait.
                planned = await self._plan(work, now)
            due = None
            if isinstance(planned.verdict, UnderWay):
                due = await self._record(work, planned.verdict, now)
            return Pause(advance, _soonest(planned, advance, due, now))

    async def _plan(self, work: Work, now: datetime) -> Plan:
        """Plan; once more if it took a Secret that was not read yet."""
        run, memory = work.run, work.memory
        view = RunView(
            started_at=read_time(run.status.started_at or format_micro_time(now)),
            timeout=memory.content.timeout,
            cancel=work.cancel is not None,
            replaced_by=work.replaced_by,
            root=memory.root,
        )
        while True:
            judge = work.judge(now, self._cel)
            planned = plan(memory.tree, work.states, view, now, judge)
            wanted = judge.wanted - memory.secrets.keys()
            if not wanted:
                return planned
            running = work.running
            await self._nodes.read_secrets(
                memory, wanted, running.source.namespace, running.account
            )

    async def _record(self, work: Work, verdict: UnderWay, now: datetime) -> datetime | None:
        """Write the status if that is worth it; else return when it will be, if ever."""
        wished = standing(
            work.run,
            verdict.phase,
            verdict.reason,
            verdict.message or "The run is under way",
            now,
            nodes=work.node_statuses(),
            **work.plan_fields(),
        )
        due = worth_writing(work.written or work.stored.status, wished, now)
        if due is None or due > now:
            return due
        work.stored = work.run = await self._store.write_status(work.stored, wished)
        work.written = wished
        return None

    async def _stop(self, work: Work, planned: Plan, now: datetime) -> None:
        for stop in planned.stop:
            judge = work.judge(now, self._cel)
            await self._nodes.stop(work.memory, work.running, work.states, judge, stop.path)
            work.states[stop.path] = stop.then

    async def _advance(self, work: Work, now: datetime) -> Advance:
        judge = work.judge(now, self._cel)
        advance = await self._nodes.advance(work.memory, work.running, work.states, judge)
        work.changes += advance.changes
        work.states |= advance.states
        work.memory.remember_words(advance.states.values())
        return advance

    async def _recall(self, work: Work, now: datetime) -> None:
        """After a restart: get outputs again of which the status kept too little."""
        memory = work.memory
        lost = [
            state
            for state in work.states.values()
            if state.phase == "Succeeded"
            and state.path not in memory.outputs
            and lacks(state.outputs, memory.needs.paths(state.ref))
        ]
        for state in lost:
            memory.outputs[state.path] = state.outputs
            judge = work.judge(now, self._cel)
            await self._nodes.recall(memory, work.running, work.states, judge, state.path)


def _soonest(
    planned: Plan, advance: Advance, words_due: datetime | None, now: datetime
) -> timedelta | None:
    """Return how long to wait at most. `words_due`: when what nodes wait for can be written down."""
    moments = [moment - now for moment in (planned.wake, words_due) if moment is not None]
    moments += [] if advance.after is None else [advance.after]
    return max(min(moments), timedelta(0)) if moments else None


def _moved(advance: Advance) -> bool:
    """Tell whether a node ended, so that others may have their turn."""
    return any(not state.under_way for state in advance.states.values())
