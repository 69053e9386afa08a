"""The world of the contracts in memory."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ebbflow.api.base import JsonObject, Key
from tests.support.memory_cluster import MemoryCluster, MemoryStatusWriter
from tests.support.memory_run_store import MemoryRunStore
from tests.support.memory_webhooks import MemoryWebhookStore


class MemoryWorld:
    """See tests/support/cluster_world.py."""

    namespace = "default"

    def __init__(self) -> None:
        self.cluster = MemoryCluster()
        self.writer = MemoryStatusWriter(self.cluster)
        self.store = MemoryRunStore(self.cluster)
        self.webhooks = MemoryWebhookStore(self.cluster)

    @property
    def requests(self) -> int:
        return len(self.cluster.calls)

    def _key(self, kind: str, name: str) -> Key:
        return Key(kind, self.namespace, name)

    async def make(self, raw: JsonObject) -> None:
        self.cluster.put(raw)

    async def change(self, kind: str, name: str, change: JsonObject) -> None:
        self.cluster.edit(self._key(kind, name), lambda raw: _merge(raw, change))

    async def change_status(self, name: str, change: JsonObject) -> None:
        await self.change("Template", name, {"status": change})

    async def remove(self, kind: str, name: str) -> None:
        self.cluster.delete(self._key(kind, name))

    async def raw(self, kind: str, name: str) -> JsonObject:
        found = self.cluster.raw(self._key(kind, name))
        assert found is not None
        return found

    async def secret(
        self, name: str, data: Mapping[str, str], annotations: Mapping[str, str]
    ) -> None:
        self.cluster.add_secret(self.namespace, name, data, annotations)

    async def announced(self, kind: str, name: str) -> list[tuple[str, str, str]]:
        notices = (
            (key, notice.reason.value, notice.message, notice.warning)
            for key, notice in self.writer.events
        )
        return [
            ("Warning" if warning else "Normal", reason, message)
            for key, reason, message, warning in (*notices, *self.store.events)
            if key == self._key(kind, name)
        ]


def _merge(into: JsonObject, change: Mapping[str, Any]) -> None:
    for key, value in change.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = copy.deepcopy(value)
