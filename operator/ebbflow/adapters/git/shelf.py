"""The repositories of a backend: one for each remote and each way to fetch, removed when idle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from ebbflow.adapters.git.cache import directory_name
from ebbflow.adapters.git.limits import Limits
from ebbflow.adapters.git.network import Network
from ebbflow.adapters.git.repository import Repository
from ebbflow.domain.git import Remote
from ebbflow.domain.ports import Clock

SWEEP_SECONDS: Final = 60
TREES: Final = "blob:none"
"""The filter for who asks which files changed, and never for what they hold."""


class Shelf:
    """Lends repositories; those that nobody used for long are removed with their caches."""

    def __init__(
        self, directory: Path, limits: Limits, network: Network, local: Executor, clock: Clock
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._network = network
        self._local = local
        self._clock = clock
        # One byte more: git leaves out what has at least this size.
        self._files: Final = f"blob:limit={limits.blob_bytes + 1}"
        self._repositories: dict[tuple[Remote, str], Repository] = {}
        self._opened = 0
        self._swept = clock.monotonic()

    def has_files(self, remote: Remote) -> bool:
        """Tell whether files of a remote may be here."""
        return (remote, self._files) in self._repositories

    @asynccontextmanager
    async def files(self, remote: Remote) -> AsyncIterator[Repository]:
        """Lend the repository of a remote whose files are read."""
        async with self._use(remote, self._files) as repository:
            yield repository

    @asynccontextmanager
    async def trees(self, remote: Remote) -> AsyncIterator[Repository]:
        """Lend the repository of a remote without its files' contents."""
        async with self._use(remote, TREES) as repository:
            yield repository

    async def close(self) -> None:
        """End what runs, and remove all caches."""
        for repository in list(self._repositories.values()):
            await repository.close()
        self._repositories.clear()

    @asynccontextmanager
    async def _use(self, remote: Remote, filter_spec: str) -> AsyncIterator[Repository]:
        self._network.check(remote)
        await self._remove_idle()
        key = (remote, filter_spec)
        repository = self._repositories.get(key)
        if repository is None:
            self._opened += 1  # a cache that is being removed still has its directory
            directory = self._directory / f"{directory_name(remote)}-{self._opened}"
            repository = self._repositories[key] = Repository(
                remote, directory, filter_spec, self._limits, self._network, self._local
            )
        repository.users += 1
        try:
            yield repository
        finally:
            repository.users -= 1
            repository.last_used = self._clock.monotonic()

    async def _remove_idle(self) -> None:
        # Tokens that change every hour make a new cache every hour.
        now = self._clock.monotonic()
        if now < self._swept + SWEEP_SECONDS:
            return
        self._swept = now
        idle = [
            key
            for key, repository in self._repositories.items()
            if repository.users == 0 and repository.last_used + self._limits.idle_seconds < now
        ]
        for repository in [self._repositories.pop(key) for key in idle]:
            await repository.close()
