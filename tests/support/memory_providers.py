"""The port Providers in memory: what tests say, and how often it was asked."""

from __future__ import annotations

from typing_extensions import override

from ebbflow.domain.git import GitError
from ebbflow.domain.providers import Allowance, Identity, Listing, ProviderAccount, Providers
from ebbflow.domain.triggers.change import PullRequest


class MemoryProviders(Providers):
    """Answers to every account alike; `trouble` is raised in place of an answer.

    `pulls` are the open pull requests, and `complete` tells whether a listing has all of them.
    """

    def __init__(self) -> None:
        self.who = Identity("robot")
        self.left: Allowance | None = None
        self.pulls: list[PullRequest] = []
        self.complete = True
        self.trouble: GitError | None = None
        self.asked = 0

    @override
    async def pull_requests(self, account: ProviderAccount, repository: str) -> Listing:
        self._ask()
        return Listing(tuple(self.pulls), self.complete)

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
