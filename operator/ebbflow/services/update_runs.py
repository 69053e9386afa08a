"""runOnUpdate: a document that changed, by either side, starts a Run, and exactly one."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import Literal, Protocol

from ebbflow.api.base import JsonObject, Resource
from ebbflow.api.run import Run, RunSource, RunSpec, RunTrigger
from ebbflow.api.template import SyncStatus, Template, UpdateMark
from ebbflow.domain.effective import creation_of, effective_options, is_paused
from ebbflow.domain.outcome import Report, Then
from ebbflow.domain.run_store import NewRun, RunStore
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.triggered import trigger_note

log = logging.getLogger(__name__)


class Turns(Protocol):
    """Who gives Runs their turn; RunQueue is it."""

    async def take_in(self, run: Run, parent: Template | None) -> None: ...

    def look(self, parent: Template) -> None: ...


class UpdateRuns:
    """Starts Runs for updates of documents.

    The mark in the status says which content was considered last. The Run is made before the mark
    moves, under a name that follows from the mark: a crash between the two makes no second one.
    """

    def __init__(self, store: RunStore, turns: Turns) -> None:
        self._store = store
        self._turns = turns

    async def carry(self, report: Report, document_hash: str) -> Report:
        """Add to a report on a Template in step what updates come to; make a Run for a new one.

        The Run gets its turn once the report is written: until then the status is still to be
        written, and each of the two would find that the other changed the object. `document_hash`
        is of the content that both sides hold. Raises ClusterError.
        """
        template = report.observed
        if not isinstance(template, Template):
            return report
        options = effective_options(template)
        starts = options.run_on_update is True
        sync = SyncStatus.model_validate(report.status.get("sync") or {})
        mark, then = await self._mark(template, sync, document_hash, starts=starts)
        status: JsonObject = {**report.status, "effective": options.dump()}
        if mark is not None:
            status["updated"] = mark.dump()
        return replace(report, status=status, then=then)

    async def _mark(
        self, template: Template, sync: SyncStatus, document_hash: str, *, starts: bool
    ) -> tuple[UpdateMark | None, Then | None]:
        """Return where updates are counted from now on; None while nobody asked for any Run. And
        how the Run gets its turn that was made: now, or by a pass that was cut short.

        What changes while updates start nothing, or while starts are paused, starts nothing later.
        """
        before = template.status.updated
        asked = creation_of(template)
        paused = is_paused(template)
        if before is None:
            # The first content is no update (api: Sync, rule 1), unless the document says so.
            then: Then | None = None
            if asked is not None and not paused:
                first = UpdateMark(document_hash="")
                then = await self._make(template, sync, "Creation", first, asked)
            counts = starts or asked is not None
            return (UpdateMark(document_hash=document_hash) if counts else None), then
        if before.document_hash == document_hash:
            return before, None
        then = None
        if starts and not paused:
            then = await self._make(template, sync, "Update", before, {})
        return UpdateMark(document_hash=document_hash, count=before.count + 1), then

    async def _make(
        self,
        template: Template,
        sync: SyncStatus,
        kind: Literal["Creation", "Update"],
        before: UpdateMark,
        arguments: JsonObject,
    ) -> Then:
        """Make the Run of an update; returns how it gets its turn. `sync`: with the update."""
        key = TriggerKey(
            template.metadata.uid, kind, blob=before.document_hash, nonce=str(before.count)
        )
        trigger = RunTrigger(
            type=kind,
            commit=sync.commit if template.spec.git else None,
            actor=sync.last_editor,
        )
        source = RunSource(kind="Template", name=template.metadata.name)
        made = await self._store.create(
            NewRun(
                name=key.run_name(template.metadata.name),
                parent=template,
                spec=RunSpec(source=source, arguments=arguments),
                trigger_key=key.digest,
                annotations=trigger_note(trigger),
            )
        )
        if made is not None:
            log.info("%s starts the Run %s", kind.lower(), made.metadata.name)
        return partial(self._take_in, template, made)

    async def _take_in(self, template: Template, made: Run | None, stored: Resource | None) -> None:
        if made is None:
            # An earlier pass made it, and may have got no further.
            self._turns.look(template)
        else:
            await self._turns.take_in(made, stored if isinstance(stored, Template) else None)
