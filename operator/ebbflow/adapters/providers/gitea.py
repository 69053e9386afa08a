"""The API of Gitea and Forgejo (v1)."""

from __future__ import annotations

import re
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
    Page,
    ProviderKind,
    Question,
    basic_or_bearer,
    numbered_page,
    reading,
    two_parts,
)
from ebbflow.api.gitaccount import Provider
from ebbflow.domain.git import BasicCredential
from ebbflow.domain.providers import Identity
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest

_DRAFT_TITLE: Final = re.compile(r"\s*(?:WIP:|\[WIP\])", re.IGNORECASE)
"""Its default settings; servers before 1.22 do not tell a draft in another way."""
_LACKS: Final = re.compile(r"required scope\(s\)[^\[]{0,16}\[([a-z:, ]{1,200})\]")


class _User(Answered):
    login: str = Field(max_length=256)


class _Organisation(Answered):
    name: str = Field(max_length=256)


class _Label(Answered):
    name: str


class _Repository(Answered):
    id: int
    full_name: str


class _End(Answered):
    ref: str = Field(max_length=1024)
    sha: str
    repo: _Repository | None = None


class _Pull(Answered):
    number: int
    title: str
    draft: bool | None = None
    user: _User | None = None
    labels: tuple[_Label, ...] | None = ()
    head: _End
    base: _End

    def value(self) -> PullRequest | None:
        """Return what it says; None where its commits cannot be found any more."""
        if not self.head.sha:
            return None
        ours, theirs = self.base.repo, self.head.repo
        titled = _DRAFT_TITLE.match(self.title) is not None
        return PullRequest(
            id=self.number,
            head_branch=self.head.ref,
            head_sha=self.head.sha,
            base_branch=self.base.ref,
            labels=tuple(label.name for label in (self.labels or ())[:MAX_LABELS]),
            draft=titled if self.draft is None else self.draft,
            fork=theirs is None or ours is None or theirs.id != ours.id,
            head_repository=theirs.full_name if theirs else "",
            author=self.user.login if self.user else "",
            title=self.title[:MAX_TITLE],
        )


class Gitea(ProviderKind):
    """Tokens alone, or a user's name with a token or password."""

    name: Provider = "Gitea"
    first_page = 1

    @override
    def api(self, server: str) -> str:
        return f"{server}/api/v1"

    @override
    def headers(self, credential: BasicCredential | None) -> Mapping[str, str | Tainted]:
        return {"Accept": "application/json", **basic_or_bearer(credential)}

    @override
    def pulls(self, repository: str, page: int) -> Question[Page]:
        owner, name = two_parts(repository, "https://git.example.com/owner/name")
        read = numbered_page(page, reading(tuple[_Pull, ...]), _Pull.value)
        query = f"state=open&limit={PAGE_SIZE}&page={page}"
        return Question(f"/repos/{owner}/{name}/pulls?{query}", read)

    @override
    async def identity(self, ask: Ask) -> Identity:
        missing: list[str] = []
        login: str | None = None
        names: tuple[str, ...] = ()
        try:
            login = (await ask(Question("/user", reading(_User)))).login
            names = (login,)
        except Forbids as refusal:
            missing += _scopes(refusal, "read:user")
        try:
            found = await ask(Question("/user/orgs?limit=50", reading(tuple[_Organisation, ...])))
            names += tuple(organisation.name for organisation in found)
        except Forbids as refusal:
            missing += _scopes(refusal, "read:organization")
        try:
            await ask(Question("/user/repos?limit=1", lambda _: None))
        except Forbids as refusal:
            missing += _scopes(refusal, "read:repository")
        return Identity(login, names[:MAX_OWNERS], tuple(dict.fromkeys(missing)))


def _scopes(refusal: Forbids, otherwise: str) -> list[str]:
    """Return the scopes that the server names as needed; it has no other way to ask for them."""
    found = _LACKS.search(refusal.words)
    return [scope.strip() for scope in found[1].split(",")] if found else [otherwise]
