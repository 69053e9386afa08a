"""GitLab's REST API (v4), of gitlab.com and of servers of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field
from typing_extensions import override

from ebbflow.adapters.providers.kind import (
    MAX_LABELS,
    MAX_OWNERS,
    MAX_TITLE,
    PAGE_SIZE,
    Answered,
    Ask,
    Forbids,
    Headers,
    Page,
    ProviderKind,
    Question,
    bearer,
    encoded,
    numbered_page,
    reading,
)
from ebbflow.adapters.providers.numbers import epoch_allowance
from ebbflow.api.gitaccount import Provider
from ebbflow.domain.git import BasicCredential, InvalidRequest, RepositoryNotFound
from ebbflow.domain.providers import Allowance, Identity
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest

DEVELOPER: Final = 30
"""The least role that may push ("Roles and permissions")."""


class _User(Answered):
    username: str = Field(max_length=256)


class _Token(Answered):
    scopes: tuple[str, ...] = ()


class _Group(Answered):
    full_path: str


class _MergeRequest(Answered):
    iid: int
    title: str
    source_branch: str = Field(max_length=1024)
    target_branch: str = Field(max_length=1024)
    sha: str | None = None
    source_project_id: int | None = None
    target_project_id: int
    draft: bool | None = None
    work_in_progress: bool = False
    labels: tuple[str, ...] = ()
    author: _User | None = None

    def value(self) -> PullRequest | None:
        """Return what it says; None where it was just made: GitLab has still to look for its commit."""
        if not self.sha:
            return None
        fork = self.source_project_id != self.target_project_id
        known = fork and self.source_project_id is not None
        return PullRequest(
            id=self.iid,
            head_branch=self.source_branch,
            head_sha=self.sha,
            base_branch=self.target_branch,
            labels=self.labels[:MAX_LABELS],
            draft=self.work_in_progress if self.draft is None else self.draft,
            fork=fork,
            head_repository=f"project {self.source_project_id}" if known else "",
            author=self.author.username if self.author else "",
            title=self.title[:MAX_TITLE],
        )


class GitLab(ProviderKind):
    """Tokens of people, projects and groups, and OAuth's, are sent the same way."""

    name: Provider = "GitLab"
    first_page = 1

    @override
    def api(self, server: str) -> str:
        return f"{server}/api/v4"

    @override
    def headers(self, credential: BasicCredential | None) -> Mapping[str, str | Tainted]:
        return {"Accept": "application/json", **bearer(credential)}

    @override
    def pulls(self, repository: str, page: int) -> Question[Page]:
        if "/" not in repository:
            raise InvalidRequest(
                f"{repository!r} names no project of GitLab: write its address as"
                " https://gitlab.com/group/project."
            )
        read = numbered_page(page, reading(tuple[_MergeRequest, ...]), _MergeRequest.value)
        query = f"state=opened&order_by=created_at&sort=desc&per_page={PAGE_SIZE}&page={page}"
        return Question(f"/projects/{encoded(repository)}/merge_requests?{query}", read)

    @override
    async def identity(self, ask: Ask) -> Identity:
        missing = await self._missing(ask)
        try:
            login = (await ask(Question("/user", reading(_User)))).username
        except Forbids:
            return Identity(None, (), missing or ("read_api",))
        try:
            path = f"/groups?min_access_level={DEVELOPER}&order_by=id&per_page=100"
            groups = await ask(Question(path, reading(tuple[_Group, ...])))
        except Forbids:
            groups = ()
        owners = (login, *(group.full_path for group in groups))
        short = tuple(owner for owner in owners if len(owner) <= MAX_OWNERS)
        return Identity(login, short[:MAX_OWNERS], missing)

    async def _missing(self, ask: Ask) -> tuple[str, ...]:
        try:
            token = await ask(Question("/personal_access_tokens/self", reading(_Token)))
        except (Forbids, RepositoryNotFound):
            # A token without rights on itself, or OAuth's: what it may is not told.
            return ()
        held = set(token.scopes)
        if "api" in held:
            return ()
        needed = [
            ("read_api", held & {"read_api"}),
            ("write_repository", held & {"write_repository"}),
        ]
        return tuple(scope for scope, found in needed if not found)

    @override
    def allowance(self, headers: Headers) -> Allowance | None:
        return epoch_allowance(headers.get("ratelimit-remaining"), headers.get("ratelimit-reset"))
