"""Fixtures of the contract suites: Git over servers that fail on command, APIs of providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.git import DulwichBackend, HostPolicy
from ebbflow.adapters.http_client import AioHttpClient
from ebbflow.adapters.providers import ProviderApis
from ebbflow.domain.ports import Clock
from tests.support.gitserver import FaultyGitServer
from tests.support.gitworld import (
    HTTP,
    PASSWORD,
    USER,
    GitWorld,
    MakeBackend,
    MemoryWorld,
    RealWorld,
    RecordedMetrics,
)
from tests.support.memory_cluster import ManualClock
from tests.support.providers.fakes import FakeGitHub
from tests.support.providers.server import look_up
from tests.support.sshserver import SshServer
from tests.support.sshworld import SshWorld


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyGitServer]:
    with FaultyGitServer(username=USER, password=PASSWORD) as server:
        yield server


@pytest.fixture
def server(running: FaultyGitServer) -> Iterator[FaultyGitServer]:
    running.reset_counts()
    running.seen.clear()
    yield running
    running.calm()


@pytest.fixture
def metrics() -> RecordedMetrics:
    return RecordedMetrics()


@pytest.fixture
async def make(tmp_path: Path, metrics: RecordedMetrics) -> AsyncIterator[MakeBackend]:
    async with AsyncExitStack() as stack:

        async def make_backend(
            policy: HostPolicy = HTTP, clock: Clock | None = None, **options: Any
        ) -> DulwichBackend:
            backend = DulwichBackend(
                tmp_path / "cache", policy, metrics, clock or SystemClock(), **options
            )
            return await stack.enter_async_context(backend)

        yield make_backend


@pytest.fixture
async def world(make: MakeBackend, server: FaultyGitServer) -> RealWorld:
    return RealWorld(server, await make())


@pytest.fixture(scope="module")
def ssh_server() -> Iterator[SshServer]:
    with SshServer() as running:
        yield running


@pytest.fixture(params=["http", "ssh", "memory"])
async def anywhere(request: pytest.FixtureRequest, make: MakeBackend) -> GitWorld:
    """Each way to reach a repository, and the fake: for what is the same over all of them."""
    return await _world(request, make)


@pytest.fixture(params=["http", "memory"])
async def real_or_fake(request: pytest.FixtureRequest, make: MakeBackend) -> GitWorld:
    """The real backend and the fake: for what does not depend on how a repository is reached."""
    return await _world(request, make)


async def _world(request: pytest.FixtureRequest, make: MakeBackend) -> GitWorld:
    """Return the world that is the fixture's parameter; only its own server is started."""
    if request.param == "memory":
        return MemoryWorld()
    git = await make()
    if request.param == "ssh":
        over_ssh: SshServer = request.getfixturevalue("ssh_server")
        over_ssh.start()
        return SshWorld(over_ssh, git)
    over_http: FaultyGitServer = request.getfixturevalue("server")
    over_http.start()
    return RealWorld(over_http, git)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def apis(clock: ManualClock) -> AsyncIterator[ProviderApis]:
    http = AioHttpClient((), look_up, allow_insecure_http=True, seconds=5)
    yield ProviderApis(http, clock)
    await http.close()


@pytest.fixture
async def github() -> AsyncIterator[FakeGitHub]:
    async with FakeGitHub() as server:
        yield server
