"""GitHub's REST API, of github.com, of GitHub Enterprise Cloud and Server (version 2022-11-28)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

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
    numbered_page,
    reading,
    two_parts,
)
from ebbflow.adapters.providers.numbers import epoch_allowance
from ebbflow.api.gitaccount import Provider
from ebbflow.domain.git import BasicCredential
from ebbflow.domain.http import HttpAnswer
from ebbflow.domain.providers import Allowance, Identity
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest

HOSTED: Final = "github.com"
DATA_RESIDENCE: Final = ".ghe.com"


class _User(Answered):
    login: str = Field(max_length=256)


class _Label(Answered):
    name: str


class _Repository(Answered):
    id: int
    full_name: str


class _End(Answered):
    ref: str = Field(max_length=1024)
    sha: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    repo: _Repository | None = None
    """None: the repository that it came from was deleted."""


class _Pull(Answered):
    number: int
    title: str
    draft: bool = False
    user: _User | None = None
    labels: tuple[_Label, ...] = ()
    head: _End
    base: _End

    def value(self) -> PullRequest:
        ours, theirs = self.base.repo, self.head.repo
        fork = theirs is None or ours is None or theirs.id != ours.id
        return PullRequest(
            id=self.number,
            head_branch=self.head.ref,
            head_sha=self.head.sha,
            base_branch=self.base.ref,
            labels=tuple(label.name for label in self.labels[:MAX_LABELS]),
            draft=self.draft,
            fork=fork,
            head_repository=theirs.full_name if theirs else "",
            author=self.user.login if self.user else "",
            title=self.title[:MAX_TITLE],
        )


class GitHub(ProviderKind):
    """Tokens of all kinds are sent the same way: classic, fine-grained, of an app or of OAuth."""

    name: Provider = "GitHub"
    first_page = 1

    @override
    def api(self, server: str) -> str:
        parts = urlsplit(server)
        host = parts.hostname or ""
        if host == HOSTED or host.endswith(DATA_RESIDENCE):
            return f"https://api.{host}"
        return f"{server}/api/v3"

    @override
    def headers(self, credential: BasicCredential | None) -> Mapping[str, str | Tainted]:
        fixed = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        return {**fixed, **bearer(credential)}

    @override
    def pulls(self, repository: str, page: int) -> Question[Page]:
        owner, name = two_parts(repository, "https://github.com/owner/name")
        read = numbered_page(page, reading(tuple[_Pull, ...]), _Pull.value)
        query = f"state=open&sort=created&direction=desc&per_page={PAGE_SIZE}&page={page}"
        return Question(f"/repos/{owner}/{name}/pulls?{query}", read)

    @override
    async def identity(self, ask: Ask) -> Identity:
        try:
            login, scopes = await ask(Question("/user", _read_user))
        except Forbids:
            # An app's installation is nobody, and may not ask who it is.
            return Identity(None)
        try:
            organisations = await ask(
                Question("/user/orgs?per_page=100", reading(tuple[_User, ...]))
            )
        except Forbids:
            organisations = ()
        owners = (login, *(found.login for found in organisations))
        return Identity(login, owners[:MAX_OWNERS], _missing(scopes))

    @override
    def allowance(self, headers: Headers) -> Allowance | None:
        return epoch_allowance(
            headers.get("x-ratelimit-remaining"), headers.get("x-ratelimit-reset")
        )


_read_login = reading(_User)


def _read_user(answer: HttpAnswer) -> tuple[str, str | None]:
    return _read_login(answer).login, answer.headers.get("x-oauth-scopes")


def _missing(scopes: str | None) -> tuple[str, ...]:
    # Only classic tokens and OAuth's have scopes; others have rights that no header tells.
    if scopes is None:
        return ()
    held = {scope.strip() for scope in scopes.split(",")}
    return () if held & {"repo", "public_repo"} else ("repo",)
