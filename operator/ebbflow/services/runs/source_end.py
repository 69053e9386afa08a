"""`deletionPolicy: Delete`: what runs made goes with their source, in the tenant's name.

First the document's teardownSpec has its turn, if it has one (source_teardown).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.inventory import InvalidInventory, Keep, left_behind
from ebbflow.domain.objects import Account, AccountMissing, SystemNamespace, owner_mark
from ebbflow.domain.outcome import Postponed, Report
from ebbflow.domain.ports import Clock
from ebbflow.domain.run_store import SOURCE_FINALIZER, RunStore
from ebbflow.domain.times import read_time
from ebbflow.services.runs.inventories import Inventories
from ebbflow.services.runs.removal import Refused, Removal, Removed, reasons, titles
from ebbflow.services.runs.source_teardown import SourceTeardown

RETRY: Final = timedelta(seconds=5)
PATIENCE: Final = timedelta(minutes=10)
"""How long after the source was deleted its objects are tried: time to give a missing right."""


class SourceEnd:
    """Holds sources with `deletionPolicy: Delete`, and takes what their runs made along."""

    def __init__(
        self,
        store: RunStore,
        inventories: Inventories,
        removal: Removal,
        teardown: SourceTeardown,
        clock: Clock,
        default_account: str,
    ) -> None:
        self._store = store
        self._teardown = teardown
        self._inventories = inventories
        self._removal = removal
        self._clock = clock
        self._default_account = default_account
        self._told: dict[str, str] = {}

    async def prepare(self, source: Template) -> Template:
        """Hold a source that lives, if its policy says so; returns it as stored.

        Raises StaleWrite, ClusterError.
        """
        return await self._store.hold(source, held=source.spec.deletion_policy == "Delete")

    def keeps(self, source: Template | None, run: Run) -> bool:
        """Tell whether a Run that has ended must stay until its deleted source has gone."""
        return source is not None and _holds(source) and self._teardown.keeps(run)

    async def go(self, source: Template, runs: Collection[Run]) -> Postponed | Report | None:
        """Make one pass over a deleted source none of whose `runs` is under way any more.

        Raises StaleWrite, ClusterError.
        """
        if not _holds(source):
            return None
        if source.spec.deletion_policy == "Delete":
            waits = await self._teardown.go(source, runs)
            if waits is not None:
                return waits
            removed = await self._remove(source)
            if removed.refused and self._can_still(source, removed.refused):
                await self._say_once(source, removed.refused)
                return Postponed(RETRY)
            await self._tell(source, removed)
        self._told.pop(source.metadata.uid, None)
        await self._store.hold(source, held=False)
        await self._teardown.end(source, runs)
        return None

    async def _remove(self, source: Template) -> Removed:
        try:
            inventory = await self._inventories.read(source)
        except InvalidInventory as error:
            words = f"what runs made is not deleted: {error}"
            await self._store.announce(source, Reason.OBJECTS_LEFT, words, warning=True)
            return Removed()
        meta = source.metadata
        account = Account(meta.namespace, source.spec.service_account_name or self._default_account)
        mark = owner_mark(source.key)
        judged = await self._removal.judge(left_behind(inventory, ()), mark, account)
        return await self._removal.remove(judged, mark, account)

    def _can_still(self, source: Template, refused: tuple[Refused, ...]) -> bool:
        """Tell whether trying again can help: not without the account, and not for ever."""
        hopeless = all(isinstance(one.error, AccountMissing | SystemNamespace) for one in refused)
        since = source.metadata.deletion_timestamp
        late = since is not None and self._clock.now() >= read_time(since) + PATIENCE
        return not hopeless and not late

    async def _say_once(self, source: Template, refused: tuple[Refused, ...]) -> None:
        words = f"not deleted yet: {reasons(refused)}"
        if self._told.get(source.metadata.uid) != words:
            self._told[source.metadata.uid] = words
            await self._store.announce(source, Reason.OBJECTS_LEFT, words, warning=True)

    async def _tell(self, source: Template, removed: Removed) -> None:
        if removed.deleted:
            words = f"deleted {titles(removed.deleted)}"
            await self._store.announce(source, Reason.OBJECTS_DELETED, words, warning=False)
        left: tuple[Keep | Refused, ...] = (*removed.refused, *removed.kept)
        if left:
            words = f"left behind: {reasons(left)}"
            await self._store.announce(source, Reason.OBJECTS_LEFT, words, warning=True)


def _holds(source: Template) -> bool:
    return SOURCE_FINALIZER in source.metadata.finalizers
