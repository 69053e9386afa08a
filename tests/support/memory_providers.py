"""The port Providers in memory: what tests say, and how often it was asked."""

from __future__ import annotations

from typing_extensions import override

from ebbflow.domain.git import GitError
from ebbflow.domain.providers import Allowance, Identity, Listing, ProviderAccount, Providers


class MemoryProviders(Providers):
    """Answers to every account alike; `trouble` is raised in place of an answer."""

    def __init__(self) -> None:
        self.who = Identity("robot")
        self.left: Allowance | None = None
        self.open = Listing(())
        self.trouble: GitError | None = None
        self.asked = 0

    @override
    async def pull_requests(self, account: ProviderAccount, repository: str) -> Listing:
        self._ask()
        return self.open

    @override
    async def identity(self, account: ProviderAccount) -> Identity:
        self._ask()
        return self.who

    @override
    def allowance(self, account: ProviderAccount) -> Allowance | None:
        return self.left

    def _ask(self) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
