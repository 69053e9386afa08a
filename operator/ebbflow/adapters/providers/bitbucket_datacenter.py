"""The REST API of Bitbucket Data Center (1.0)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from typing_extensions import override

from ebbflow.adapters.providers.kind import (
    MAX_OWNERS,
    MAX_TITLE,
    PAGE_SIZE,
    Answered,
    Ask,
    Page,
    ProviderKind,
    Question,
    basic_or_bearer,
    reading,
    two_parts,
)
from ebbflow.api.gitaccount import Provider
from ebbflow.domain.git import HEADS, BasicCredential
from ebbflow.domain.http import HttpAnswer
from ebbflow.domain.providers import Identity
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest


class _Project(Answered):
    key: str = Field(max_length=256)


class _Repository(Answered):
    id: int
    slug: str
    project: _Project


class _End(Answered):
    id: str = Field(max_length=1024)
    latestCommit: str  # noqa: N815 - the server's name for it
    repository: _Repository

    @property
    def branch(self) -> str:
        return self.id.removeprefix(HEADS)


class _User(Answered):
    name: str = ""


class _Author(Answered):
    user: _User


class _Pull(Answered):
    id: int
    title: str
    draft: bool = False
    author: _Author | None = None
    fromRef: _End  # noqa: N815 - the server's name for it
    toRef: _End  # noqa: N815 - the server's name for it

    def value(self) -> PullRequest:
        ours, theirs = self.toRef.repository, self.fromRef.repository
        return PullRequest(
            id=self.id,
            head_branch=self.fromRef.branch,
            head_sha=self.fromRef.latestCommit,
            base_branch=self.toRef.branch,
            draft=self.draft,
            fork=theirs.id != ours.id,
            head_repository=f"{theirs.project.key}/{theirs.slug}",
            author=self.author.user.name if self.author else "",
            title=self.title[:MAX_TITLE],
        )


class _Pulls(Answered):
    values: tuple[_Pull, ...]
    isLastPage: bool  # noqa: N815 - the server's name for it
    nextPageStart: int | None = None  # noqa: N815 - the server's name for it


class _Projects(Answered):
    values: tuple[_Project, ...]


class BitbucketDataCenter(ProviderKind):
    """HTTP access tokens alone, or a user's name with a password or token. It has no labels."""

    name: Provider = "BitbucketDataCenter"
    first_page = 0

    @override
    def api(self, server: str) -> str:
        return f"{server}/rest/api/1.0"

    @override
    def headers(self, credential: BasicCredential | None) -> Mapping[str, str | Tainted]:
        return {"Accept": "application/json", **basic_or_bearer(credential)}

    @override
    def pulls(self, repository: str, page: int) -> Question[Page]:
        # Clone addresses by http begin with scm/, those by ssh do not.
        project, name = two_parts(
            repository.removeprefix("scm/"), "https://bitbucket.example.com/scm/project/name.git"
        )
        read = reading(_Pulls)

        def read_page(answer: HttpAnswer) -> Page:
            found = read(answer)
            following = None if found.isLastPage else found.nextPageStart
            # A start that does not grow would have the same page read again and again.
            if following is not None and following <= page:
                raise ValueError("the next page begins before this one ends")
            return Page(tuple(pull.value() for pull in found.values), following)

        query = f"state=OPEN&order=NEWEST&limit={PAGE_SIZE}&start={page}"
        return Question(f"/projects/{project}/repos/{name}/pull-requests?{query}", read_page)

    @override
    async def identity(self, ask: Ask) -> Identity:
        login, owners = await ask(
            Question("/projects?permission=REPO_READ&limit=100", _read_projects)
        )
        return Identity(login, owners[:MAX_OWNERS])


_read_body = reading(_Projects)


def _read_projects(answer: HttpAnswer) -> tuple[str | None, tuple[str, ...]]:
    # It tells who asks in a header of every answer, and has no other way to ask for it.
    return answer.headers.get("x-ausername"), tuple(p.key for p in _read_body(answer).values)
