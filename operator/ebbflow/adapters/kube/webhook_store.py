"""The port `WebhookStore` on the real API server."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence

from typing_extensions import override

from ebbflow.adapters.kube.answer import ObjectExists
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.guarded import GuardedPatch, Operations, add
from ebbflow.adapters.kube.listing import each_object
from ebbflow.adapters.kube.naming import list_path, segment
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.parsing import parse
from ebbflow.adapters.kube.snapshots import owner_reference
from ebbflow.adapters.kube.status import STATUS_MANAGER
from ebbflow.api.base import Model, Resource
from ebbflow.api.crd import PART_OF
from ebbflow.api.gitaccount import GitAccount, WebhookStatus
from ebbflow.api.gittrigger import Delivery, GitTrigger
from ebbflow.domain.ports import InvalidObject
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.store import WebhookStore

log = logging.getLogger(__name__)


class KubeWebhookStore(WebhookStore):
    """Uncached, and compared and swapped.

    Its writes are not noted as our own: that a delivery came is news for whoever leads.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._patch = GuardedPatch(client, OwnWrites())

    @override
    async def triggers(self, namespace: str) -> tuple[GitTrigger, ...]:
        found: list[GitTrigger] = []
        async for raw in each_object(self._client, list_path(GitTrigger.declaration, namespace)):
            try:
                found.append(parse(GitTrigger, raw))
            except InvalidObject as error:
                log.debug("a GitTrigger of %s is left out: %s", namespace, error)
        return tuple(found)

    @override
    async def make_secret(
        self,
        account: GitAccount,
        name: str,
        values: Mapping[str, Tainted],
        annotations: Mapping[str, str],
    ) -> bool:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": dict(PART_OF),
                "annotations": dict(annotations),
                "ownerReferences": [owner_reference(account, controller=True)],
            },
            "type": "Opaque",
            "data": {
                key: base64.b64encode(value.reveal().encode()).decode()
                for key, value in values.items()
            },
        }
        path = f"/api/v1/namespaces/{segment(account.metadata.namespace)}/secrets"
        try:
            await self._client.request("POST", path, body=body)
        except ObjectExists:
            return False
        return True

    @override
    async def note_webhooks(self, account: GitAccount, webhooks: tuple[WebhookStatus, ...]) -> None:
        await self._note(account, "webhooks", webhooks)

    @override
    async def note_deliveries(self, trigger: GitTrigger, deliveries: tuple[Delivery, ...]) -> None:
        await self._note(trigger, "deliveries", deliveries)

    async def _note(self, observed: Resource, field: str, entries: Sequence[Model]) -> None:
        operations: Operations = [add(f"/status/{field}", [entry.dump() for entry in entries])]
        if "status" not in observed.model_fields_set:
            operations.insert(0, add("/status", {}))
        await self._patch(
            observed, operations, manager=STATUS_MANAGER, subresource="status", own=False
        )
