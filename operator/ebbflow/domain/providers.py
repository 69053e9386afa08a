"""What is asked of a Git provider's API: pull requests, and whose credentials these are.

Git itself is spoken elsewhere; an account of provider Git, or one that only has a key for ssh,
has no API at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from ebbflow.api.gitaccount import GitAccount, Provider
from ebbflow.domain.access import Refused, check_host, method_of
from ebbflow.domain.git import BasicCredential
from ebbflow.domain.ports import SecretObject
from ebbflow.domain.triggers.change import PullRequest


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A provider's server, and as whom its API is asked (`credential` None: as nobody).

    `server` is the address of its web pages, such as https://github.com: where the API lies is
    for the adapter to know.
    """

    provider: Provider
    server: str
    credential: BasicCredential | None = None
    ca_bundle: str | None = None

    def fingerprint(self) -> str:
        """Return what tells answers to different credentials apart, without giving them away."""
        return "" if self.credential is None else self.credential.fingerprint()


@dataclass(frozen=True, slots=True)
class Listing:
    """The open pull requests of a repository, newest first.

    `complete` False: there are more than are ever read. Of one that is missing here nothing is
    known then, least of all that it was closed.
    """

    pulls: tuple[PullRequest, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials these are; `login` None: nobody's in particular, such as an app's.

    `owners`: users, organisations, groups, workspaces or projects that they reach, by name, as far
    as the provider tells. `missing_scopes`: what they need and lack, in the provider's own words.
    """

    login: str | None
    owners: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an API still allows in this window, as its last answer told."""

    remaining: int
    resets_at: datetime | None = None


class Providers(Protocol):
    """The APIs of all providers, only to read.

    Every method raises GitError: AuthenticationFailed for credentials that are refused or lack a
    right, RepositoryNotFound, AddressNotAllowed, InvalidRequest for an address that names no
    repository of this provider, and Unreachable for all that may be better later: no answer, one
    that cannot be understood, and a used up allowance, with `retry_after`.
    """

    async def pull_requests(self, account: ProviderAccount, repository: str) -> Listing:
        """Return the open pull requests of the repository at this address.

        What did not change since it was last asked costs nothing of the account's allowance where
        the provider has conditional requests.
        """
        ...

    async def identity(self, account: ProviderAccount) -> Identity:
        """Return whose credentials the account has; they must be given."""
        ...

    def allowance(self, account: ProviderAccount) -> Allowance | None:
        """Return what the last answer to the account told; None where none told anything."""
        ...


def provider_account(
    account: GitAccount, secret: SecretObject | None
) -> ProviderAccount | Refused | None:
    """Return how the API of an account's provider is asked; None if there is no API for it.

    `secret`: the one that the account names (None: it does not exist). It must say that it is for
    the host of the server, as for Git.
    """
    server = account.spec.server_url
    if account.spec.provider == "Git" or server is None:
        return None
    method = method_of(account, secret)
    if isinstance(method, Refused):
        return method
    if secret is not None and (refused := check_host(account, secret, server)):
        return refused
    match method.credential:
        case BasicCredential() | None as credential:
            return ProviderAccount(
                account.spec.provider, _web(server), credential, account.spec.ca_bundle
            )
        case _:
            return None


def _web(server: str) -> str:
    """Return the address of the web pages: an address for ssh says only which host."""
    parts = urlsplit(server)
    if parts.scheme == "ssh":
        return f"https://{parts.hostname}"
    return server.rstrip("/")
