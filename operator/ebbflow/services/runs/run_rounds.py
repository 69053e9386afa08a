"""The rounds of one Run: plan, record, act, as long as something comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.ports import Clock
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.outputs import lacks
from ebbflow.domain.runs.plan import Over, Plan, RunView, Stop, UnderWay, plan
from ebbflow.domain.runs.standing import standing
from ebbflow.domain.runs.states import NodeState, with_last_words
from ebbflow.domain.times import format_micro_time, read_time
from ebbflow.services.runs.node_statuses import worth_writing
from ebbflow.services.runs.run_nodes import AT_ONCE, Advance, RunNodes
from ebbflow.services.runs.run_work import Work

SLICE: Final = timedelta(seconds=2)
"""How long one Run is worked on without a pause; then other Runs that wait have their turn."""


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
        """Stop nodes side by side: some are asked first how far they were."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def end(stop: Stop) -> NodeState:
            async with gate:
                said = await self._nodes.stop(work.moment(now, self._cel), stop.path)
            return with_last_words(stop.then, said)

        ended = await asyncio.gather(*map(end, planned.stop))
        work.states |= {state.path: state for state in ended}

    async def _advance(self, work: Work, now: datetime) -> Advance:
        advance = await self._nodes.advance(work.moment(now, self._cel))
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
            await self._nodes.recall(work.moment(now, self._cel), state.path)


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
