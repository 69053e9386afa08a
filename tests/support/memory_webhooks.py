"""The port WebhookStore on a MemoryCluster, held to the same contract as the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ebbflow.adapters.kube.parsing import parse
from ebbflow.api.base import JsonObject, Model, Resource
from ebbflow.api.gitaccount import GitAccount, WebhookStatus
from ebbflow.api.gittrigger import Delivery, GitTrigger
from ebbflow.domain.ports import InvalidObject
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.store import WebhookStore
from tests.support.memory_cluster import MemoryCluster


class MemoryWebhookStore(WebhookStore):
    """Keeps what it is told in the MemoryCluster; its calls, rivals and failures hold here too."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def triggers(self, namespace: str) -> tuple[GitTrigger, ...]:
        self._cluster.called(f"list GitTriggers of {namespace}")
        found = []
        for key in sorted(self._cluster.keys("GitTrigger")):
            raw = self._cluster.raw(key)
            if key.namespace == namespace and raw is not None:
                found += _fitting(raw)
        return tuple(found)

    async def make_secret(
        self,
        account: GitAccount,
        name: str,
        values: Mapping[str, Tainted],
        annotations: Mapping[str, str],
    ) -> bool:
        namespace = account.metadata.namespace
        self._cluster.called(f"create Secret/{namespace}/{name}")
        self._cluster.be_overtaken()
        if self._cluster.has_secret(namespace, name):
            return False
        shown = {key: value.reveal() for key, value in values.items()}
        self._cluster.add_secret(namespace, name, shown, annotations)
        return True

    async def note_webhooks(self, account: GitAccount, webhooks: tuple[WebhookStatus, ...]) -> None:
        self._note(account, "webhooks", webhooks)

    async def note_deliveries(self, trigger: GitTrigger, deliveries: tuple[Delivery, ...]) -> None:
        self._note(trigger, "deliveries", deliveries)

    def _note(self, observed: Resource, field: str, entries: Sequence[Model]) -> None:
        def change(raw: JsonObject) -> None:
            raw.setdefault("status", {})[field] = [entry.dump() for entry in entries]

        self._cluster.write(f"note {field} of", observed, change)


def _fitting(raw: JsonObject) -> list[GitTrigger]:
    try:
        return [parse(GitTrigger, raw)]
    except InvalidObject:
        return []
