"""The world of the contracts on a real API server."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.cluster import KubeCluster
from ebbflow.adapters.kube.connection import Connection, Kubeconfig
from ebbflow.adapters.kube.events import EventRecorder
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.run_store import KubeRunStore
from ebbflow.adapters.kube.status import KubeStatusWriter
from ebbflow.adapters.kube.webhook_store import KubeWebhookStore
from ebbflow.api.base import GROUP, VERSION, JsonObject
from ebbflow.domain.secret import Tainted
from tests.support.fake_kube_api import Counted
from tests.support.memory_run_store import RECORD_KEY

MERGE = "application/merge-patch+json"
APIS = {
    "Template": f"{GROUP}/{VERSION}",
    "Run": f"{GROUP}/{VERSION}",
    "GitAccount": f"{GROUP}/{VERSION}",
    "GitTrigger": f"{GROUP}/{VERSION}",
    "ControllerRevision": "apps/v1",
}
Redact = Callable[[str], str]


class KubeWorld:
    """A namespace of its own, the operator's adapters, and a client of somebody else's.

    See tests/support/cluster_world.py.
    """

    def __init__(
        self,
        namespace: str,
        user: KubeClient,
        operator: KubeClient,
        counted: Counted,
        redact: Redact,
    ) -> None:
        self.namespace = namespace
        self.user = user
        self.operator = operator
        self.counted = counted
        self.secrets: list[Tainted] = []
        self.own_writes = OwnWrites()
        events, clock = EventRecorder(operator, "tester-1"), SystemClock()
        self.cluster = KubeCluster(operator, self.own_writes, self.secrets.append)
        self.writer = KubeStatusWriter(operator, events, self.own_writes, clock, redact)
        self.webhooks = KubeWebhookStore(operator)
        self.store = KubeRunStore(
            operator, events, self.own_writes, clock, redact, lambda: RECORD_KEY
        )

    @property
    def requests(self) -> int:
        return len(self.counted.requests)

    def path(self, kind: str, name: str = "") -> str:
        path = f"/apis/{APIS[kind]}/namespaces/{self.namespace}/{kind.lower()}s"
        return f"{path}/{name}" if name else path

    async def make(self, raw: JsonObject) -> None:
        await self.user.request("POST", self.path(raw["kind"]), body=raw)

    async def change(self, kind: str, name: str, change: JsonObject) -> None:
        path = self.path(kind, name)
        await self.user.request("PATCH", path, body=change, content_type=MERGE)

    async def change_status(self, name: str, change: JsonObject) -> None:
        path = self.path("Template", f"{name}/status")
        query = {"fieldManager": "ebbflow-queue"}
        body = {"status": change}
        await self.user.request("PATCH", path, body=body, content_type=MERGE, query=query)

    async def remove(self, kind: str, name: str) -> None:
        await self.user.request("DELETE", self.path(kind, name))

    async def raw(self, kind: str, name: str) -> JsonObject:
        return await self.user.request("GET", self.path(kind, name))

    async def secret(
        self, name: str, data: Mapping[str, str], annotations: Mapping[str, str]
    ) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        body = {"metadata": {"name": name, "annotations": dict(annotations)}, "data": encoded}
        await self.user.request("POST", f"/api/v1/namespaces/{self.namespace}/secrets", body=body)

    async def announced(self, kind: str, name: str) -> list[tuple[str, str, str]]:
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items: list[dict[str, Any]] = (await self.user.request("GET", path))["items"]
        about = [
            item
            for item in items
            if (item["regarding"]["kind"], item["regarding"]["name"]) == (kind, name)
        ]
        about.sort(key=lambda item: item["eventTime"])
        return [(item["type"], item["reason"], item["note"]) for item in about]


async def connect(kubeconfig: Path, counted: Counted | None = None) -> KubeClient:
    """Make a client, whose requests are counted; the caller closes it."""
    connection = await Connection.open(Kubeconfig(str(kubeconfig), None))
    return KubeClient(connection, counted or Counted())


@asynccontextmanager
async def kube_world(
    user: Path, operator: Path, prefix: str, redact: Redact = lambda text: text
) -> AsyncIterator[KubeWorld]:
    """Make a world in a new namespace `PREFIX-…`, from the kubeconfigs of both; it ends by itself."""
    counted = Counted()
    namespace = f"{prefix}-{uuid.uuid4().hex[:8]}"
    world = KubeWorld(
        namespace, await connect(user), await connect(operator, counted), counted, redact
    )
    await world.user.request("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
    try:
        yield world
        assert all(host.startswith("127.0.0.1:") for _, _, host in counted.requests)
    finally:
        await world.user.request("DELETE", f"/api/v1/namespaces/{namespace}")
        await _release_runs(world)
        await world.user.close()
        await world.operator.close()


async def _release_runs(world: KubeWorld) -> None:
    """Take the finalizers off, or the namespace would stay for ever."""
    for item in (await world.user.request("GET", world.path("Run")))["items"]:
        if item["metadata"].get("finalizers"):
            name = item["metadata"]["name"]
            await world.change("Run", name, {"metadata": {"finalizers": None}})
