"""The APIs of Git providers, only to read: pull requests, and whose credentials these are."""

from __future__ import annotations

from typing import Final, TypeVar

from typing_extensions import override

from ebbflow.adapters.providers.asking import Asker
from ebbflow.adapters.providers.bitbucket import Bitbucket
from ebbflow.adapters.providers.bitbucket_datacenter import BitbucketDataCenter
from ebbflow.adapters.providers.gitea import Gitea
from ebbflow.adapters.providers.github import GitHub
from ebbflow.adapters.providers.gitlab import GitLab
from ebbflow.adapters.providers.kind import Forbids, Page, ProviderKind, Question, path_on
from ebbflow.adapters.providers.listing import Listings
from ebbflow.domain.addresses import redact
from ebbflow.domain.git import AuthenticationFailed, InvalidRequest
from ebbflow.domain.http import HttpClient
from ebbflow.domain.ports import Clock
from ebbflow.domain.providers import Allowance, Identity, Listing, ProviderAccount, Providers

V = TypeVar("V")

PROVIDERS: Final[tuple[ProviderKind, ...]] = (
    GitHub(),
    GitLab(),
    Gitea(),
    Bitbucket(),
    BitbucketDataCenter(),
)
"""Every provider with an API, in plain sight."""


class ProviderApis(Providers):
    """The port Providers over HTTP."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._asker = Asker(http, clock)
        self._listings = Listings()

    @override
    async def pull_requests(self, account: ProviderAccount, repository: str) -> Listing:
        kind = _kind(account)
        path = path_on(account, repository)
        about = f"the list of open pull requests of {redact(repository)}"

        async def ask(question: Question[V], /) -> V:
            return await self._asker.ask(kind, account, question, about)

        async def page(number: int) -> Page:
            found = await ask(kind.pulls(path, number))
            whole = [await kind.complete(ask, path, pull) for pull in found.pulls]
            return Page(tuple(whole), found.following)

        key = f"{account.fingerprint()} {account.server} {path}"
        try:
            return await self._listings.read(key, kind.first_page, page, about)
        except Forbids as refusal:
            raise AuthenticationFailed(
                f"{account.provider} forbids to read {about} (HTTP 403). Give the account of the"
                f" credentials the right to read pull requests.{_said(refusal)}"
            ) from refusal

    @override
    async def identity(self, account: ProviderAccount) -> Identity:
        kind = _kind(account)

        async def ask(question: Question[V], /) -> V:
            return await self._asker.ask(kind, account, question, "the account itself")

        try:
            return await kind.identity(ask)
        except Forbids as refusal:
            raise AuthenticationFailed(
                f"{account.provider} forbids these credentials to use its API (HTTP 403). Give them"
                f" the right to.{_said(refusal)}"
            ) from refusal

    @override
    def allowance(self, account: ProviderAccount) -> Allowance | None:
        return self._asker.allowance(account)


def _kind(account: ProviderAccount) -> ProviderKind:
    for kind in PROVIDERS:
        if kind.name == account.provider:
            return kind
    raise InvalidRequest(
        f"An account of provider {account.provider} has no API that tells of pull requests. Set its"
        " spec.provider to the server's kind."
    )


def _said(refusal: Forbids) -> str:
    return f" It says: {refusal.words}" if refusal.words else ""
