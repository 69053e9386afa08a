"""Fixtures of the contract suites: the real backend and a real server that fails on command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.git import DulwichBackend, HostPolicy
from tests.support.gitserver import FaultyGitServer
from tests.support.gitworld import (
    HTTP,
    PASSWORD,
    USER,
    MakeBackend,
    RealWorld,
    RecordedMetrics,
)


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

        async def make_backend(policy: HostPolicy = HTTP, **options: Any) -> DulwichBackend:
            backend = DulwichBackend(tmp_path / "cache", policy, metrics, SystemClock(), **options)
            return await stack.enter_async_context(backend)

        yield make_backend


@pytest.fixture
async def world(make: MakeBackend, server: FaultyGitServer) -> RealWorld:
    return RealWorld(server, await make())
