"""A command's session with a scripted API server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.connection import Connection, ConnectionInfo, Kubeconfig
from ebbflow.cli.session import Session
from tests.support.fake_kube_api import Counted, FakeApi


@pytest.fixture
def paused() -> list[float]:
    """The pauses of the session, in seconds; none of them takes any time."""
    return []


@pytest.fixture
async def session(api: FakeApi, paused: list[float]) -> AsyncIterator[Session]:
    async def pause(seconds: float) -> None:
        paused.append(seconds)

    connection = Connection(Kubeconfig("/nowhere", None), ConnectionInfo(api.url, "team"))
    client = KubeClient(connection, Counted())
    yield Session(client, "team", pause)
    await client.close()
