"""The port `OwnedTriggers` on the real API server."""

from __future__ import annotations

from typing_extensions import override

from ebbflow.adapters.kube.answer import ObjectExists
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.guarded import DOCUMENT_MANAGER, GuardedPatch, delete_observed, replace
from ebbflow.adapters.kube.listing import each_object
from ebbflow.adapters.kube.naming import list_path
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.parsing import parse
from ebbflow.adapters.kube.snapshots import owner_reference
from ebbflow.api.base import API_VERSION, JsonObject
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.template import Template
from ebbflow.domain.owned_triggers import FROM_DOCUMENT, OwnedTriggers, owned_by


class KubeOwnedTriggers(OwnedTriggers):
    """GitTriggers with an owner reference and a label; their events wake their own passes."""

    def __init__(self, client: KubeClient, own_writes: OwnWrites) -> None:
        self._client = client
        self._patch = GuardedPatch(client, own_writes)

    @override
    async def of(self, owner: Template) -> tuple[GitTrigger, ...]:
        path = list_path(GitTrigger.declaration, owner.metadata.namespace)
        query = {"labelSelector": f"{FROM_DOCUMENT}={owner.metadata.name}"}
        found = [parse(GitTrigger, raw) async for raw in each_object(self._client, path, query)]
        return tuple(one for one in found if owned_by(one, owner))

    @override
    async def create(self, owner: Template, name: str, spec: JsonObject) -> bool:
        body = {
            "apiVersion": API_VERSION,
            "kind": GitTrigger.declaration.kind,
            "metadata": {
                "name": name,
                "labels": {FROM_DOCUMENT: owner.metadata.name},
                "ownerReferences": [owner_reference(owner, controller=True)],
            },
            "spec": spec,
        }
        path = list_path(GitTrigger.declaration, owner.metadata.namespace)
        query = {"fieldManager": DOCUMENT_MANAGER}
        try:
            await self._client.request("POST", path, body=body, query=query)
        except ObjectExists:
            return False
        return True

    @override
    async def change(self, trigger: GitTrigger, spec: JsonObject) -> None:
        operations = [replace("/spec", spec)]
        await self._patch(trigger, operations, manager=DOCUMENT_MANAGER, own=False)

    @override
    async def delete(self, trigger: GitTrigger) -> None:
        await delete_observed(self._client, trigger)
