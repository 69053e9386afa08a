"""Events (events.k8s.io/v1): what happened to an object, for `kubectl describe`."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from typing import Final

from typing_extensions import override

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import API_VERSION, GROUP, JsonObject, Resource
from ebbflow.domain.outcome import Notice
from ebbflow.domain.ports import ClusterError, Events, StaleWrite

CONTROLLER: Final = f"{GROUP}/operator"
ACTION: Final = "Reconcile"

MAX_NOTE: Final = 1024
"""Bytes of an event's note; the API server refuses more."""

MAX_INSTANCE: Final = 128
MAX_STEM: Final = 220
"""Characters of the object's name in the event's name, which has at most 253."""

logger = logging.getLogger(__name__)


class EventRecorder(Events):
    """Writes one Event for each notice. Events are a courtesy: a refused one is only logged."""

    def __init__(self, client: KubeClient, identity: str) -> None:
        self._client = client
        self._instance = identity[:MAX_INSTANCE]

    @override
    async def emit(self, about: Resource, notice: Notice, now: datetime) -> None:
        """Record that `notice` happened to `about`; never raises for what the server says."""
        namespace = segment(about.metadata.namespace)
        try:
            await self._client.request(
                "POST",
                f"/apis/events.k8s.io/v1/namespaces/{namespace}/events",
                body=event(about, notice, now, self._instance),
            )
        except StaleWrite:
            pass  # the very same event is there already
        except ClusterError as error:
            logger.warning("%s: event %s not recorded: %s", about.key, notice.reason, error)


def event(about: Resource, notice: Notice, now: datetime, instance: str) -> JsonObject:
    """Return the Event object; equal arguments make the same name, so it is recorded once."""
    meta = about.metadata
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    note = clip_bytes(notice.message, MAX_NOTE)
    same = f"{meta.uid}\0{notice.reason.value}\0{note}\0{moment}"
    digest = hashlib.sha256(same.encode(errors="replace")).hexdigest()
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{meta.name[:MAX_STEM].rstrip('.-')}.{digest[:16]}",
            "namespace": meta.namespace,
        },
        "eventTime": moment,
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
        "action": ACTION,
        "reason": notice.reason.value,
        "type": "Warning" if notice.warning else "Normal",
        "note": note,
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": about.declaration.kind,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        },
    }


def clip_bytes(text: str, limit: int) -> str:
    """Return at most `limit` bytes of `text` in UTF-8, whole characters; … shows there was more."""
    data = text.encode(errors="replace")
    if len(data) <= limit:
        return data.decode()
    return data[: limit - 3].decode(errors="ignore") + "…"
