"""What every provider's API must come to: the fakes and a real server alike."""

from __future__ import annotations

from typing import Protocol

import pytest

from ebbflow.domain.git import AuthenticationFailed, RepositoryNotFound
from ebbflow.domain.providers import ProviderAccount, Providers
from ebbflow.domain.triggers.change import PullRequest


class World(Protocol):
    """A server with one repository, and an account that may read it. `cap`: items on a page."""

    cap: int

    @property
    def account(self) -> ProviderAccount: ...
    @property
    def repository(self) -> str: ...
    def account_with(self, token: str) -> ProviderAccount: ...
    async def open_pull(
        self, branch: str, *, base: str = "main", draft: bool = False, fork: bool = False
    ) -> PullRequest: ...
    async def push_to(self, pull: PullRequest) -> str: ...
    async def label(self, pull: PullRequest, label: str) -> None: ...
    async def close_pull(self, pull: PullRequest) -> None: ...


class ProviderContract:
    """To be inherited, beside fixtures `world` and `apis`."""

    has_labels = True
    tells_paths_of_forks = True

    async def _pulls(self, world: World, apis: Providers) -> tuple[PullRequest, ...]:
        listing = await apis.pull_requests(world.account, world.repository)
        assert listing.complete
        return listing.pulls

    async def test_nothing_is_open_at_first(self, world: World, apis: Providers) -> None:
        assert await self._pulls(world, apis) == ()

    async def test_all_of_a_pull_request_is_told(self, world: World, apis: Providers) -> None:
        made = await world.open_pull("feature/login", base="main")
        (found,) = await self._pulls(world, apis)
        assert (found.id, found.head_branch, found.base_branch) == (
            made.id,
            "feature/login",
            "main",
        )
        assert (found.head_sha, found.author, found.title) == (
            made.head_sha,
            made.author,
            made.title,
        )
        assert (found.draft, found.fork, found.labels) == (False, False, ())

    async def test_a_draft_is_told(self, world: World, apis: Providers) -> None:
        await world.open_pull("unfinished", draft=True)
        (found,) = await self._pulls(world, apis)
        assert found.draft

    async def test_a_fork_is_told(self, world: World, apis: Providers) -> None:
        made = await world.open_pull("evil", fork=True)
        (found,) = await self._pulls(world, apis)
        assert found.fork
        assert found.head_sha == made.head_sha
        if self.tells_paths_of_forks:
            assert found.head_repository == made.head_repository
        else:
            assert found.head_repository

    async def test_a_label_is_seen_at_the_next_look(self, world: World, apis: Providers) -> None:
        made = await world.open_pull("labelled")
        (found,) = await self._pulls(world, apis)
        assert set(found.labels) == set()
        if not self.has_labels:
            return  # and there is no way to give it one
        await world.label(made, "preview")
        await world.label(made, "needs review")
        (found,) = await self._pulls(world, apis)
        assert set(found.labels) == {"preview", "needs review"}

    async def test_a_push_is_seen_at_the_next_look(self, world: World, apis: Providers) -> None:
        made = await world.open_pull("moving")
        await self._pulls(world, apis)
        sha = await world.push_to(made)
        (found,) = await self._pulls(world, apis)
        assert found.head_sha == sha != made.head_sha

    async def test_one_that_is_closed_is_not_told_of(self, world: World, apis: Providers) -> None:
        first, second = await world.open_pull("first"), await world.open_pull("second")
        await self._pulls(world, apis)
        await world.close_pull(first)
        assert [pull.id for pull in await self._pulls(world, apis)] == [second.id]

    async def test_all_pages_are_read_newest_first(self, world: World, apis: Providers) -> None:
        world.cap = 2
        made = [await world.open_pull(f"branch-{number}") for number in range(5)]
        found = [pull.id for pull in await self._pulls(world, apis)]
        assert found == sorted((pull.id for pull in made), reverse=True)

    async def test_the_account_is_known_by_its_name(self, world: World, apis: Providers) -> None:
        identity = await apis.identity(world.account)
        made = await world.open_pull("mine")
        assert identity.login == made.author
        assert identity.owners
        assert identity.missing_scopes == ()

    async def test_a_wrong_token_is_refused_and_not_repeated(
        self, world: World, apis: Providers
    ) -> None:
        wrong = world.account_with("wrong-but-secret")
        for ask in (apis.identity(wrong), apis.pull_requests(wrong, world.repository)):
            with pytest.raises(AuthenticationFailed, match="Correct the Secret") as caught:
                await ask
            assert "wrong-but-secret" not in str(caught.value)

    async def test_a_repository_that_is_not_there_is_named(
        self, world: World, apis: Providers
    ) -> None:
        missing = world.repository.replace("shop", "nowhere")
        with pytest.raises(RepositoryNotFound, match="nowhere"):
            await apis.pull_requests(world.account, missing)
