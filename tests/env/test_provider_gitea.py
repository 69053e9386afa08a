"""The APIs of providers, on a real Gitea."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from ebbflow.adapters.http_client import AioHttpClient
from ebbflow.adapters.providers import ProviderApis
from tests.support.gitea.program import BUILD_SECONDS
from tests.support.gitea.server import GiteaServer, GiteaWorld
from tests.support.memory_cluster import ManualClock
from tests.support.providers.contract import ProviderContract


def look_up(host: str, port: int) -> tuple[str, ...]:
    raise socket.gaierror(socket.EAI_NONAME, "no such name")


@pytest.mark.timeout(BUILD_SECONDS)
class TestGitea(ProviderContract):
    @pytest.fixture
    async def world(self, gitea: GiteaServer) -> AsyncIterator[GiteaWorld]:
        async with aiohttp.ClientSession() as session:
            made = gitea.make_world(session)
            await made.create()
            yield made

    @pytest.fixture
    async def apis(self) -> AsyncIterator[ProviderApis]:
        http = AioHttpClient((), look_up, allow_insecure_http=True)
        yield ProviderApis(http, ManualClock())
        await http.close()
