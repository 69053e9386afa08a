"""The one writer of statuses: compares first, applies whole, announces transitions."""

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
from ebbflow.adapters.kube.naming import APPLY, path_of
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.parsing import parse
from ebbflow.api.base import API_VERSION, JsonObject, Metadata, Resource
from ebbflow.api.reasons import Reason
from ebbflow.domain.conditions import owned_status, ready_transition, wished_status
from ebbflow.domain.outcome import Report, Waiting
from ebbflow.domain.ports import Clock, ClusterError, InvalidObject, StaleWrite, StatusWriter

STATUS_MANAGER: Final = "ebbflow-status"

RETRY_AFTER_REFUSAL: Final = timedelta(minutes=1)

TRIES: Final = 5
"""How often a status is applied while others keep changing the object."""

_REFUSED: Final = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class KubeStatusWriter(StatusWriter):
    """Server-side apply of `/status` under the field manager `ebbflow-status`.

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
        self._own_writes = own_writes
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
        stored: Resource | None = report.observed
        try:
            if wished != owned_status(report.observed.status.dump()):
                report, raw = await self._apply_or_explain(report, wished)
                stored = _read(type(report.observed), raw)
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

    async def _apply_or_explain(
        self, report: Report, wished: JsonObject
    ) -> tuple[Report, JsonObject | None]:
        """Apply the status; where it is refused, apply the old one with a condition that says so.

        The rest of the old status must stay: an apply without it would remove it, and with it the
        knowledge of where the two sides were last the same. Returns what was written, and the
        object with it.
        """
        try:
            return report, await self._apply(report.observed, wished)
        except ClusterError as error:
            if error.code not in _REFUSED:
                raise
            refused = _refusal(report, error)
            kept = wished_status(refused, self._clock.now())
            if kept == owned_status(report.observed.status.dump()):
                return refused, None
            return refused, await self._apply(report.observed, kept)

    async def _apply(
        self,
        observed: Resource,
        status: JsonObject,
        moved_to: str | None = None,
        tries: int = TRIES,
    ) -> JsonObject | None:
        """Apply the status to the very object that was observed, even if it was annotated since.

        The version makes sure of that (the uid in an apply of a status is not looked at): one that
        is out of date is a 409, and the object is read again to see that it is still the same.
        Returns the object as stored, None if it was changed since.
        """
        version = moved_to or observed.metadata.resource_version
        try:
            stored = await self._apply_at(version, observed, status)
        except StaleWrite:
            if tries == 1:
                raise
            return await self._apply(observed, status, await self._moved_to(observed), tries - 1)
        if moved_to is not None:
            # A watcher may join our change and that of somebody else, and theirs must not be
            # passed over as ours: this write is not noted.
            return None
        self._own_writes.note(stored["metadata"]["uid"], stored["metadata"]["resourceVersion"])
        return stored

    async def _moved_to(self, observed: Resource) -> str:
        """Return the object's version now; raises StaleWrite if the report is not about it."""
        meta = observed.metadata
        path = path_of(observed.declaration, meta.namespace, meta.name)
        live = await self._client.request("GET", path)
        if is_other(observed, live):
            raise StaleWrite(f"{observed.key} is another one by now", code=HTTPStatus.CONFLICT)
        return Metadata.model_validate(live["metadata"]).resource_version

    async def _apply_at(self, version: str, observed: Resource, status: JsonObject) -> JsonObject:
        meta = observed.metadata
        return await self._client.request(
            "PATCH",
            path_of(observed.declaration, meta.namespace, meta.name, "status"),
            body={
                "apiVersion": API_VERSION,
                "kind": observed.declaration.kind,
                "metadata": {
                    "name": meta.name,
                    "namespace": meta.namespace,
                    "resourceVersion": version,
                },
                "status": status,
            },
            content_type=APPLY,
            query={"fieldManager": STATUS_MANAGER, "force": "true"},
        )

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
    return sync.get("commit"), sync.get("blob"), sync.get("documentHash")


def _read(kind: type[Resource], raw: JsonObject | None) -> Resource | None:
    """Read what was stored; None for an object that does not fit its model, which has a status too."""
    try:
        return None if raw is None else parse(kind, raw)
    except InvalidObject:
        return None


def _refusal(report: Report, error: ClusterError) -> Report:
    """What to report instead when the API server does not take the status."""
    status = report.observed.status.dump()
    waiting = Waiting(Reason.CLUSTER_ERROR, str(error), RETRY_AFTER_REFUSAL)
    return replace(report, outcome=waiting, status=status)
