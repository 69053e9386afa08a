"""The APIs of providers, on a real Gitea."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from ebbflow.adapters.http_client import AioHttpClient
from ebbflow.adapters.providers import ProviderApis
from tests.support.gitea.program import locate_gitea
from tests.support.gitea.server import GiteaServer, GiteaWorld
from tests.support.memory_cluster import ManualClock
from tests.support.providers.contract import ProviderContract

BUILD_SECONDS = 900


def look_up(host: str, port: int) -> tuple[str, ...]:
    raise socket.gaierror(socket.EAI_NONAME, "no such name")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GiteaServer]:
    with GiteaServer(locate_gitea(), tmp_path_factory.mktemp("gitea")) as running:
        yield running


@pytest.mark.timeout(BUILD_SECONDS)
class TestGitea(ProviderContract):
    @pytest.fixture
    async def world(self, server: GiteaServer) -> AsyncIterator[GiteaWorld]:
        async with aiohttp.ClientSession() as session:
            made = server.make_world(session)
            await made.create()
            yield made

    @pytest.fixture
    async def apis(self) -> AsyncIterator[ProviderApis]:
        http = AioHttpClient((), look_up, allow_insecure_http=True)
        yield ProviderApis(http, ManualClock())
        await http.close()
