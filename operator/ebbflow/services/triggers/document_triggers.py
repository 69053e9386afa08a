"""The `triggers` of a document become GitTriggers that its Template owns."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

from typing_extensions import override

from ebbflow.api.base import Key
from ebbflow.api.gittrigger import GitTrigger, GitTriggerSpec
from ebbflow.api.reasons import Reason
from ebbflow.api.template import Template
from ebbflow.domain.outcome import Notice, Report
from ebbflow.domain.owned_triggers import FROM_DOCUMENT, OwnedTriggers, owned_by
from ebbflow.domain.ports import Cluster
from ebbflow.domain.triggers.document import Expanded, Wanted, expand
from ebbflow.services.sync.update_runs import Content, Updates

log = logging.getLogger(__name__)


class DocumentTriggers(Updates):
    """Follows what documents ask for, beside the Runs that their updates start.

    What a document was found to ask for is remembered, so that a pass over one that did not change
    costs nothing. What a document asked for before this process began is found by the triggers
    themselves: each asks once whether it is still wanted.
    """

    def __init__(self, updates: Updates, store: OwnedTriggers, cluster: Cluster) -> None:
        self._updates = updates
        self._store = store
        self._cluster = cluster
        self._done: dict[Key, str] = {}
        self._asked: set[str] = set()

    @override
    async def carry(self, report: Report, content: Content) -> Report:
        """Make, change and remove the triggers of a Template in step, then do as UpdateRuns.

        Raises StaleWrite, ClusterError.
        """
        template = report.observed
        if isinstance(template, Template):
            report = replace(report, notices=(*report.notices, *await self._follow(template)))
        return await self._updates.carry(report, content)

    async def _follow(self, template: Template) -> tuple[Notice, ...]:
        asked = (template.spec.document or {}).get("triggers")
        if not asked and template.key not in self._done:
            return ()
        state = json.dumps([template.metadata.uid, asked, template.spec.dump().get("git")])
        if self._done.get(template.key) == state:
            return ()
        expanded = expand(template)
        faults = (*expanded.faults, *await self._make(template, expanded))
        self._done[template.key] = state
        return tuple(Notice(Reason.INVALID_DOCUMENT, fault, warning=True) for fault in faults)

    async def _make(self, template: Template, expanded: Expanded) -> list[str]:
        """Make the cluster hold what is wanted; returns what could not be had."""
        there = {one.metadata.name: one for one in await self._store.of(template)}
        taken = []
        for wanted in expanded.wanted:
            found = there.pop(wanted.name, None)
            if found is not None:
                await self._change(found, wanted)
            elif not await self._store.create(template, wanted.name, wanted.spec):
                taken.append(
                    f"triggers: there is another GitTrigger {wanted.name}; rename it, or the ref"
                )
        for gone in there.values():
            log.info("the document asks for the GitTrigger %s no longer", gone.metadata.name)
            await self._store.delete(gone)
        return taken

    async def _change(self, found: GitTrigger, wanted: Wanted) -> None:
        if found.spec != GitTriggerSpec.model_validate(wanted.spec):
            await self._store.change(found, wanted.spec)

    async def is_wanted(self, trigger: GitTrigger) -> bool:
        """Tell whether a trigger is still asked for, if it comes from a document; delete it if not.

        Asked once for each trigger in the life of a process. Raises ClusterError.
        """
        name, uid = trigger.metadata.labels.get(FROM_DOCUMENT), trigger.metadata.uid
        if name is None or uid in self._asked:
            return True
        owner = await self._cluster.get(Template, trigger.metadata.namespace, name)
        if owner is not None and owned_by(trigger, owner):
            names = {wanted.name for wanted in expand(owner).wanted}
            if owner.spec.document is not None and trigger.metadata.name not in names:
                await self._store.delete(trigger)
                return False
        self._asked.add(uid)
        return True
