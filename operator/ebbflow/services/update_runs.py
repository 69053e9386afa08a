"""runOnUpdate: a document that changed, by either side, starts a Run, and exactly one."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

from ebbflow.api.base import JsonObject
from ebbflow.api.run import RunSource, RunSpec, RunTrigger
from ebbflow.api.template import Template, UpdateMark
from ebbflow.domain.effective import creation_of, effective_options, is_paused
from ebbflow.domain.outcome import Report
from ebbflow.domain.run_store import NewRun, RunStore
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.triggered import trigger_note
from ebbflow.services.run_queue import queue_key

log = logging.getLogger(__name__)


class UpdateRuns:
    """Starts Runs for updates of documents.

    The mark in the status says which content was considered last. The Run is made before the mark
    moves, under a name that follows from the mark: a crash between the two makes no second one.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store

    async def carry(self, report: Report, document_hash: str) -> Report:
        """Add to a report on a Template in step what updates come to; start a Run for a new one.

        `document_hash` is of the content that both sides hold. Raises ClusterError.
        """
        template = report.observed
        if not isinstance(template, Template):
            return report
        options = effective_options(template)
        starts = options.run_on_update is True
        mark, started = await self._mark(template, document_hash, starts=starts)
        status: JsonObject = {**report.status, "effective": options.dump()}
        if mark is not None:
            status["updated"] = mark.dump()
        if started:
            report = replace(report, then=(*report.then, queue_key(template.key)))
        return replace(report, status=status)

    async def _mark(
        self, template: Template, document_hash: str, *, starts: bool
    ) -> tuple[UpdateMark | None, bool]:
        """Return where updates are counted from now on; None while nobody asked for any Run. And
        whether a Run was started: now, or by a pass that was cut short.

        What changes while updates start nothing, or while starts are paused, starts nothing later.
        """
        before = template.status.updated
        asked = creation_of(template)
        paused = is_paused(template)
        if before is None:
            # The first content is no update (api: Sync, rule 1), unless the document says so.
            created = asked is not None and not paused
            if asked is not None and created:
                await self._start(template, "Creation", UpdateMark(document_hash=""), asked)
            counts = starts or asked is not None
            return (UpdateMark(document_hash=document_hash) if counts else None), created
        if before.document_hash == document_hash:
            return before, False
        if starts and not paused:
            await self._start(template, "Update", before, {})
        mark = UpdateMark(document_hash=document_hash, count=before.count + 1)
        return mark, starts and not paused

    async def _start(
        self,
        template: Template,
        kind: Literal["Creation", "Update"],
        before: UpdateMark,
        arguments: JsonObject,
    ) -> None:
        sync = template.status.sync
        key = TriggerKey(
            template.metadata.uid, kind, blob=before.document_hash, nonce=str(before.count)
        )
        trigger = RunTrigger(
            type=kind,
            commit=sync.commit if sync and template.spec.git else None,
            actor=sync.last_editor if sync else None,
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
