"""One Run under work, and what its nodes are acted on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ebbflow.api.run import NodeStatus, PlannedChange, Run, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.runs.chain import chain_of
from ebbflow.domain.runs.planned import fitting
from ebbflow.domain.runs.states import NodeState, States
from ebbflow.domain.runs.triggered import lacks_its_maker
from ebbflow.services.nodes.kind import Running
from ebbflow.services.runs.node_statuses import NodeStatuses
from ebbflow.services.runs.run_judge import RunJudge
from ebbflow.services.runs.run_memory import RunMemory


@dataclass(frozen=True, slots=True)
class Moment:
    """What nodes are acted on with: what is known of their Run, what kinds are told of it, how all
    its nodes stand, and who answers what expressions tell.
    """

    memory: RunMemory
    run: Running
    states: States
    judge: RunJudge


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

    def moment(self, now: datetime, cel: CelCompiler) -> Moment:
        """Return what nodes are acted on with, as all stands now."""
        return Moment(self.memory, self.running, self.states, self.judge(now, cel))

    def node_statuses(self) -> tuple[NodeStatus, ...] | None:
        """Return the nodes as the status has them."""
        return self.statuses.of(self.states)

    def plan_fields(self) -> dict[str, Any]:
        """Return what a dry run found, as the status has it."""
        if not self.run.spec.dry_run:
            return {}
        shown, left = fitting(self.changes)
        return {"plan": shown, "plan_left_out": left or None}
