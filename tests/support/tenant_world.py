"""The adapter for any object, with the operator's own rights, and a tenant that it acts for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.discovery import Discovery
from ebbflow.adapters.kube.made_objects import MadeObjects
from ebbflow.adapters.kube.objects import KubeObjects
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import JsonObject, Key
from ebbflow.domain.objects import (
    OWNER_LABEL,
    Account,
    ObjectError,
    ObjectId,
    field_manager,
    owner_mark,
)
from tests.support.installation import ACCOUNT
from tests.support.kubectl import Kubectl
from tests.support.waiting import soon

SECONDS = 20


class Uncounted:
    """Metrics that nobody reads."""

    def rest_request(self, code: str, method: str, host: str, seconds: float) -> None:
        assert host


class World:
    """The adapter with the operator's own rights, and a tenant `worker` in a namespace."""

    def __init__(self, client: KubeClient, kubectl: Kubectl, namespace: str) -> None:
        system = SystemNamespaces([ACCOUNT.namespace])
        discovery = Discovery(client, SystemClock())
        self.secrets: list[str] = []
        self.objects = KubeObjects(
            client,
            discovery,
            system,
            on_secret=lambda secret: self.secrets.append(secret.reveal()),
            redact=lambda text: text,
        )
        self.woken: asyncio.Queue[Key] = asyncio.Queue()
        self.watch = MadeObjects(client, discovery, system, self.woken.put_nowait)
        self.kubectl = kubectl
        self.namespace = namespace
        self.worker = Account(namespace, "worker")
        self.source = Key("Template", namespace, "shop")
        self.manager = field_manager(self.source)

    def config_map(self, name: str = "settings", **data: Any) -> JsonObject:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {OWNER_LABEL: owner_mark(self.source)}},
            "data": data,
        }

    async def apply(self, manifest: JsonObject, **how: Any) -> JsonObject:
        return await self.objects.apply(manifest, self.worker, manager=self.manager, **how)

    async def next_woken(self) -> Key:
        return await asyncio.wait_for(self.woken.get(), SECONDS)

    async def quiet(self) -> None:
        while not self.woken.empty():
            self.woken.get_nowait()

    def target(self, name: str = "settings") -> ObjectId:
        return ObjectId("", "ConfigMap", self.namespace, name, "v1")


E = TypeVar("E", bound=ObjectError)
Call = Callable[[], Awaitable[object]]


async def refusal(kind: type[E], call: Call) -> E:
    """Repeat a call until it is refused in this way: rights and policies take a moment to bite."""

    async def refused() -> E | None:
        try:
            await call()
        except ObjectError as error:
            return error if isinstance(error, kind) else None
        return None

    found = await soon(refused, SECONDS, f"the refusal {kind.__name__}")
    assert found is not None
    return found
