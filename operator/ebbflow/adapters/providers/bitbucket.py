"""Bitbucket Cloud's REST API (2.0)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field
from typing_extensions import override

from ebbflow.adapters.providers.kind import (
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
    reading,
    two_parts,
)
from ebbflow.api.gitaccount import Provider
from ebbflow.domain.git import BasicCredential, RepositoryNotFound
from ebbflow.domain.http import HttpAnswer
from ebbflow.domain.providers import Identity
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest

HOSTED: Final = "bitbucket.org"
ADDRESS: Final = "https://bitbucket.org/workspace/name"
SHA_LENGTH: Final = 40
KEPT_COMMITS: Final = 4096
_FIELDS: Final = ",".join(
    ["next", "page", "size", "pagelen"]
    + [
        f"values.{name}"
        for name in (
            "id",
            "title",
            "draft",
            "author.nickname",
            "source.branch.name",
            "source.commit.hash",
            "source.repository.full_name",
            "source.repository.uuid",
            "destination.branch.name",
            "destination.repository.uuid",
        )
    ]
)


class _Named(Answered):
    name: str = Field(max_length=1024)


class _Commit(Answered):
    hash: str


class _Commits(Answered):
    values: tuple[_Commit, ...] = ()


class _Repository(Answered):
    uuid: str
    full_name: str = ""


class _End(Answered):
    branch: _Named
    commit: _Commit | None = None
    repository: _Repository | None = None


class _Author(Answered):
    nickname: str = ""


class _Pull(Answered):
    id: int
    title: str
    draft: bool = False
    author: _Author | None = None
    source: _End
    destination: _End

    def value(self, sha: str) -> PullRequest:
        ours, theirs = self.destination.repository, self.source.repository
        return PullRequest(
            id=self.id,
            head_branch=self.source.branch.name,
            head_sha=sha,
            base_branch=self.destination.branch.name,
            draft=self.draft,
            fork=theirs is None or ours is None or theirs.uuid != ours.uuid,
            head_repository=theirs.full_name if theirs else "",
            author=self.author.nickname if self.author else "",
            title=self.title[:MAX_TITLE],
        )


class _Pulls(Answered):
    values: tuple[_Pull, ...]
    next: str | None = None


class _User(Answered):
    username: str | None = None
    nickname: str | None = None


class _Workspace(Answered):
    slug: str


class _Membership(Answered):
    workspace: _Workspace


class _Memberships(Answered):
    values: tuple[_Membership, ...] = ()


class Bitbucket(ProviderKind):
    """Access tokens alone, or an address or user's name with an API token or app password.

    A list gives only the first twelve digits of a pull request's commit. There are no labels.
    """

    name: Provider = "Bitbucket"
    first_page = 1

    def __init__(self) -> None:
        self._whole: OrderedDict[str, str] = OrderedDict()

    @override
    def api(self, server: str) -> str:
        host = urlsplit(server).hostname
        return f"https://api.{host}/2.0" if host == HOSTED else f"{server}/2.0"

    @override
    def headers(self, credential: BasicCredential | None) -> Mapping[str, str | Tainted]:
        return {"Accept": "application/json", **basic_or_bearer(credential)}

    @override
    def pulls(self, repository: str, page: int) -> Question[Page]:
        owner, name = two_parts(repository, ADDRESS)
        read = reading(_Pulls)

        def read_page(answer: HttpAnswer) -> Page:
            found = read(answer)
            # A branch that is gone has no commit.
            pulls = tuple(
                one.value(one.source.commit.hash) for one in found.values if one.source.commit
            )
            return Page(pulls, page + 1 if found.next or len(found.values) >= PAGE_SIZE else None)

        query = f"state=OPEN&sort=-created_on&pagelen={PAGE_SIZE}&page={page}&fields={_FIELDS}"
        return Question(f"/repositories/{owner}/{name}/pullrequests?{query}", read_page)

    @override
    async def complete(self, ask: Ask, repository: str, pull: PullRequest) -> PullRequest:
        if len(pull.head_sha) >= SHA_LENGTH:
            return pull
        owner, name = two_parts(repository, ADDRESS)
        key = f"{owner}/{name}/{pull.id}/{pull.head_sha}"
        if key not in self._whole:
            path = f"/repositories/{owner}/{name}/pullrequests/{pull.id}/commits"
            question = Question(f"{path}?pagelen=1&fields=values.hash", reading(_Commits))
            newest = (await ask(question)).values
            if not newest:
                return pull  # nothing in it that its base does not have
            self._whole[key] = newest[0].hash
            if len(self._whole) > KEPT_COMMITS:
                self._whole.popitem(last=False)
        return replace(pull, head_sha=self._whole[key])

    @override
    async def identity(self, ask: Ask) -> Identity:
        try:
            user, scopes = await ask(Question("/user", _read_user))
        except Forbids:
            # A repository's or workspace's token is nobody's.
            return Identity(None)
        try:
            found = await ask(Question("/user/workspaces?pagelen=100", reading(_Memberships)))
        except (Forbids, RepositoryNotFound):
            found = _Memberships()
        login = user.username or user.nickname
        owners = tuple(member.workspace.slug for member in found.values)
        return Identity(login, owners[:MAX_OWNERS], _missing(scopes))


_read_body = reading(_User)


def _read_user(answer: HttpAnswer) -> tuple[_User, str | None]:
    return _read_body(answer), answer.headers.get("x-oauth-scopes")


def _missing(scopes: str | None) -> tuple[str, ...]:
    if scopes is None:
        return ()
    held = {scope.strip() for scope in scopes.split(",")}
    reads = held & {"pullrequest", "pullrequest:write", "read:pullrequest:bitbucket"}
    writes = held & {"repository:write", "pullrequest:write", "write:repository:bitbucket"}
    lacks = [("pullrequest", reads), ("repository:write", writes)]
    return tuple(scope for scope, found in lacks if not found)
