"""runOnUpdate: a document that changed, by either side, starts a Run, and exactly one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, Literal, Protocol

from typing_extensions import override

from ebbflow.api.base import JsonObject, Resource
from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run, RunSource, RunSpec, RunTrigger
from ebbflow.api.template import Template, UpdateMark
from ebbflow.domain.effective import creation_of, effective_options, is_paused
from ebbflow.domain.git import CommitId
from ebbflow.domain.outcome import Report, Stalled, Then
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.gate import Ours, Taken
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.triggered import trigger_note
from ebbflow.services.runs.run_claims import Turns, make_once, way_out
from ebbflow.services.sync.template_report import kept_updates

log = logging.getLogger(__name__)

TAKEN_RECHECK: Final = timedelta(seconds=30)
"""How soon it is seen that a Run that stood in the way of an update's is gone."""


class QuickTurns(Turns, Protocol):
    """Who can give a Run its turn in the write of a report, too; RunQueue is it."""

    def beside(self, run: Run, parent: Template) -> JsonObject | None:
        """Return the fields of the parent's status that give a Run its turn; None: it may wait."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """What both sides hold: since which commit (None: without Git), and how to find out who made it.

    `who` is asked only where a Run is made. None: nobody knows.
    """

    document_hash: str
    commit: CommitId | None = None
    who: Callable[[], Awaitable[str | None]] | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """How a Run that was made gets its turn: fields of the queue, and what follows once they are
    written; nothing where none was made.
    """

    queue: JsonObject = field(default_factory=dict)
    then: Then | None = None


class Updates(Protocol):
    """What becomes of updates of documents; UpdateRuns is it, and what stands before it."""

    async def carry(self, report: Report, content: Content) -> Report:
        """Add to a report on a Template in step what updates come to.

        Raises StaleWrite, ClusterError.
        """
        ...


class UpdateRuns(Updates):
    """Starts Runs for updates of documents.

    The mark in the status says which content was considered last. The Run is made before the mark
    moves, under a name that follows from the mark: a crash between the two makes no second one.
    """

    def __init__(self, store: RunStore, turns: QuickTurns) -> None:
        self._store = store
        self._turns = turns

    @override
    async def carry(self, report: Report, content: Content) -> Report:
        """Add to a report on a Template in step what updates come to; make a Run for a new one.

        The Run gets its turn with the report, in one write of the status, or by a pass once the
        report is written. Raises StaleWrite, ClusterError.
        """
        template = report.observed
        if not isinstance(template, Template):
            return report
        options = effective_options(template)
        starts = options.run_on_update is True
        status: JsonObject = {**report.status, "effective": options.dump()}
        step = await self._step(template, content, starts=starts)
        if isinstance(step, Stalled):
            # The mark stays where it is: the update runs once nothing is in its way.
            return replace(report, status={**kept_updates(template), **status}, outcome=step)
        mark, started = step
        if mark is not None:
            status["updated"] = mark.dump()
        return replace(report, status=status, queue=started.queue, then=started.then)

    async def _step(
        self, template: Template, content: Content, *, starts: bool
    ) -> tuple[UpdateMark | None, Started] | Stalled:
        """Return where updates are counted from now on; None while nobody asked for any Run. And
        how the Run gets its turn that was made: now, or by a pass that was cut short.

        What changes while updates start nothing, or while starts are paused, starts nothing later.
        """
        before = template.status.updated
        asked = creation_of(template)
        paused = is_paused(template)
        started: Started | Stalled = Started()
        if before is None:
            # The first content is no update (api: Sync, rule 1), unless the document says so.
            if asked is not None and not paused:
                first = UpdateMark(document_hash="")
                started = await self._make(template, content, "Creation", first, asked)
            counts = starts or asked is not None
            mark = UpdateMark(document_hash=content.document_hash) if counts else None
        elif before.document_hash == content.document_hash:
            mark = before
        else:
            if starts and not paused:
                started = await self._make(template, content, "Update", before, {})
            mark = UpdateMark(document_hash=content.document_hash, count=before.count + 1)
        return started if isinstance(started, Stalled) else (mark, started)

    async def _make(
        self,
        template: Template,
        content: Content,
        kind: Literal["Creation", "Update"],
        before: UpdateMark,
        arguments: JsonObject,
    ) -> Started | Stalled:
        """Make the Run of an update; returns how it gets its turn, or that its name is taken.

        Raises StaleWrite if who had the name has just gone, ClusterError.
        """
        key = TriggerKey(
            template.metadata.uid, kind, blob=before.document_hash, nonce=str(before.count)
        )
        trigger = RunTrigger(
            type=kind,
            commit=content.commit,
            actor=await content.who() if content.who else None,
        )
        source = RunSource(kind="Template", name=template.metadata.name)
        spec = RunSpec(source=source, arguments=arguments)
        name = key.run_name(template.metadata.name)
        match await make_once(self._store, template, key, spec, trigger_note(trigger)):
            case Run() as made:
                log.info("%s starts the Run %s", kind.lower(), name)
                queue = self._turns.beside(made, template) or {}
                return Started(queue, partial(self._take_in, made))
            case Ours():
                # An earlier pass made it, and may have got no further.
                return Started(then=partial(self._look, template))
            case Taken() as taken:
                return Stalled(
                    Reason.NAME_TAKEN,
                    f"the document should run as the Run {name}, but "
                    f"{way_out(template, key, taken)}; then the document runs",
                    TAKEN_RECHECK,
                )

    async def _take_in(self, made: Run, stored: Resource | None) -> None:
        self._turns.take_in(made, stored if isinstance(stored, Template) else None)

    async def _look(self, template: Template, _stored: Resource | None) -> None:
        self._turns.look(template)
