"""A scripted API server and a client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.connection import Connection, ConnectionInfo, Kubeconfig
from ebbflow.domain.secret import Tainted
from tests.support.fake_kube_api import TOKEN, Counted, FakeApi


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
async def client(api: FakeApi, counted: Counted, slept: list[float]) -> AsyncIterator[KubeClient]:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    info = ConnectionInfo(api.url, "team", scheme="Bearer", token=Tainted(TOKEN))
    connection = Connection(Kubeconfig("/nowhere", None), info)
    made = KubeClient(connection, counted, sleep=sleep, chance=lambda: 0.5)
    yield made
    await made.close()
