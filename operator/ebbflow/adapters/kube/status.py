"""The one writer of statuses: compares first, swaps what changed, announces transitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from typing_extensions import override

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.events import EventRecorder
from ebbflow.adapters.kube.guarded import GuardedPatch, Operations, add, remove
from ebbflow.adapters.kube.naming import path_of
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.api.base import JsonObject, Metadata, Resource
from ebbflow.api.reasons import Reason
from ebbflow.domain.conditions import (
    foreign_conditions,
    owned_status,
    ready_transition,
    wished_status,
)
from ebbflow.domain.outcome import Report, Waiting
from ebbflow.domain.ports import Clock, ClusterError, InvalidObject, StaleWrite, StatusWriter

STATUS_MANAGER: Final = "ebbflow-status"

RETRY_AFTER_REFUSAL: Final = timedelta(minutes=1)

PENDING: Final = "pendingWrite"
"""Of the queue's writer, in the middle of a field of this one's."""

TRIES: Final = 5
"""How often a status is written while others keep changing the object."""

_REFUSED: Final = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class KubeStatusWriter(StatusWriter):
    """Compares and swaps `/status` under the field manager `ebbflow-status`.

    A JSON patch of the fields that changed, and no server-side apply: that is the dearest of all
    requests to the API server, and could not take what the queue's writer has to say with it.
    `redact` takes known secrets out of texts, as a last gate before users see them.
    """

    def __init__(
        self,
        client: KubeClient,
        events: EventRecorder,
        own_writes: OwnWrites,
        clock: Clock,
        redact: Callable[[str], str],
    ) -> None:
        self._client = client
        self._events = events
        self._patch = GuardedPatch(client, own_writes)
        self._clock = clock
        self._redact = redact

    @override
    async def write(self, report: Report) -> Resource | None:
        """Bring the object's status to what the report says; no request if it is so already.

        An object that is gone needs no status. Raises StaleWrite if another object has the name
        now, and ClusterError where the API server refuses.
        """
        report = self._redacted(report)
        now = self._clock.now()
        wished = wished_status(report, now)
        before = report.observed.status.dump()
        stored: Resource | None = report.observed
        try:
            if wished != owned_status(before) or not _includes(before, report.queue):
                report, stored = await self._write_or_explain(report, wished)
        except ObjectMissing:
            return None
        finally:
            # They happened, whether the status could be written or not.
            for notice in report.notices:
                await self._events.emit(report.observed, notice, now)
        transition = ready_transition(report)
        if transition is not None:
            await self._events.emit(report.observed, transition, now)
        return stored

    async def _write_or_explain(
        self, report: Report, wished: JsonObject
    ) -> tuple[Report, Resource | None]:
        """Write the status; where it is refused, keep the old one with a condition that says so.

        The rest of the old status must stay: with it would go the knowledge of where the two sides
        were last the same. Returns what was written, and the object with it.
        """
        try:
            return report, await self._write(report.observed, {**wished, **report.queue})
        except ClusterError as error:
            if error.code not in _REFUSED:
                raise
            refused = _refusal(report, error)
            kept = wished_status(refused, self._clock.now())
            if kept == owned_status(report.observed.status.dump()):
                return refused, None
            return refused, await self._write(report.observed, kept)

    async def _write(
        self,
        observed: Resource,
        wished: JsonObject,
        live: JsonObject | None = None,
        tries: int = TRIES,
    ) -> Resource | None:
        """Write the status of the very object that was observed, even if it was annotated since.

        One that changed is read again (`live`) to see that it is still the same; what the queue's
        writer decided on the old one is left out then. Returns the object as stored, None if it
        was changed since, or does not fit its model. Raises ObjectMissing.
        """
        try:
            return await self._patched(observed, wished, live)
        except StaleWrite:
            if tries == 1:
                raise
        live = await self._now(observed)
        return await self._write(observed, owned_status(wished), live, tries - 1)

    async def _patched(
        self, observed: Resource, wished: JsonObject, live: JsonObject | None
    ) -> Resource | None:
        before, moved = _status(observed), observed
        if live is not None:
            before = live.get("status")
            metadata = Metadata.model_validate(live["metadata"])
            moved = observed.model_copy(update={"metadata": metadata})
        try:
            # A watcher may join our change and that of somebody else, and theirs must not be
            # passed over as ours: what others changed meanwhile is not our own.
            stored = await self._patch(
                moved,
                _operations(before, wished),
                manager=STATUS_MANAGER,
                subresource="status",
                own=live is None,
            )
        except InvalidObject:
            return None
        return stored if live is None else None

    async def _now(self, observed: Resource) -> JsonObject:
        """Return the object as it is now; raises StaleWrite if the report is not about it."""
        meta = observed.metadata
        live = await self._client.request(
            "GET", path_of(observed.declaration, meta.namespace, meta.name)
        )
        if is_other(observed, live):
            raise StaleWrite(f"{observed.key} is another one by now", code=HTTPStatus.CONFLICT)
        return live

    def _redacted(self, report: Report) -> Report:
        outcome = replace(report.outcome, message=self._redact(report.outcome.message))
        notices = tuple(replace(n, message=self._redact(n.message)) for n in report.notices)
        status = report.status
        sync = status.get("sync") or {}
        if sync.get("conflicts"):
            shown = [
                {field: text and self._redact(text) for field, text in conflict.items()}
                for conflict in sync["conflicts"]
            ]
            status = {**status, "sync": {**sync, "conflicts": shown}}
        return replace(report, outcome=outcome, notices=notices, status=status)


def is_other(observed: Resource, live: JsonObject) -> bool:
    """Tell whether what was found out about `observed` may not hold for the object as it is now.

    It may have been made anew, its spec edited, or its agreed base moved by another process. What
    was the same as the file then may be older than the base that would be written beside it now.
    And what a trigger has seen, and said of it, is swapped in on what it was decided on.
    """
    metadata = live["metadata"]
    if (metadata["uid"], metadata.get("generation", 0)) != (
        observed.metadata.uid,
        observed.metadata.generation,
    ):
        return True
    return _base(live.get("status") or {}) != _base(observed.status.dump())


def _base(status: JsonObject) -> tuple[object, ...]:
    sync = status.get("sync") or {}
    return (
        *(sync.get(field) for field in ("commit", "blob", "documentHash")),
        *(status.get(field) for field in ("scope", "heads", "deliveries", "lastScheduledAt")),
    )


def _status(observed: Resource) -> JsonObject | None:
    """Return the status as it was read; None if there was none."""
    return observed.status.dump() if "status" in observed.model_fields_set else None


def _includes(status: JsonObject, fields: JsonObject) -> bool:
    return all(status.get(name) == value for name, value in fields.items())


def _operations(before: JsonObject | None, wished: JsonObject) -> Operations:
    """Return what makes of a status the wished one; what others own in it stays."""
    old = before or {}
    new = {**wished, "conditions": [*wished["conditions"], *foreign_conditions(old)]}
    if pending := (old.get("sync") or {}).get(PENDING):
        new["sync"] = {**new.get("sync", {}), PENDING: pending}
    changed = [add(f"/status/{key}", value) for key, value in new.items() if value != old.get(key)]
    gone = [remove(f"/status/{key}") for key in owned_status(old) if key not in new]
    return [*([] if before is not None else [add("/status", {})]), *changed, *gone]


def _refusal(report: Report, error: ClusterError) -> Report:
    """What to report instead when the API server does not take the status."""
    status = report.observed.status.dump()
    waiting = Waiting(Reason.CLUSTER_ERROR, str(error), RETRY_AFTER_REFUSAL)
    return replace(report, outcome=waiting, status=status)
