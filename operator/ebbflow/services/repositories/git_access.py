"""Which remote an object's `spec.git` means: address, account, credential, and who commits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import Committer, GitAccount, Provider
from ebbflow.api.reasons import Reason
from ebbflow.api.template import AccountReference
from ebbflow.domain.access import (
    Refused,
    account_key,
    check_account,
    check_host,
    method_of,
    signing_key_of,
)
from ebbflow.domain.git import Remote, SigningKey
from ebbflow.domain.ports import Cluster, SecretObject
from ebbflow.domain.providers import ProviderAccount, provider_account
from ebbflow.services.joined_reads import JoinedReads

ReadSecret = Callable[[str, str], Awaitable[SecretObject | None]]
"""Read a Secret by namespace and name."""


class Place(Protocol):
    """A repository as an object names it: a GitPlace, or what else has these two fields."""

    @property
    def account_ref(self) -> AccountReference | None: ...
    @property
    def repository(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Granted:
    """The repository may be used, in this way; `provider` is the account's.

    `api`: how the provider is asked, if it has an API.
    """

    remote: Remote
    committer: Committer
    signing_key: SigningKey | None = None
    provider: Provider | None = None
    api: ProviderAccount | Refused | None = None


class GitAccess:
    """Resolves accounts at every use, so that a right taken away ends at once.

    Accounts come from the watch when it has shown them, because a pass must stay cheap; an account
    that the watch does not know is read by name before it is called missing. Secrets are always
    read, by name; passes that come together share one read of a Secret.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._secrets = JoinedReads[tuple[str, str], SecretObject | None](
            lambda key: cluster.get_secret(*key)
        )
        self._accounts: dict[Key, GitAccount] = {}
        self._users: dict[Key, set[Key]] = {}

    def remember(self, account: GitAccount) -> None:
        """Take note of an account as it is now."""
        self._accounts[account.key] = account

    def drop(self, account: Key) -> None:
        """Take note that an account is gone."""
        self._accounts.pop(account, None)

    def users(self, account: Key) -> frozenset[Key]:
        """Return the objects that named the account when they were last resolved."""
        return frozenset(self._users.get(account, ()))

    def forget(self, user: Key) -> None:
        """Stop counting an object among the users of accounts."""
        for account in [a for a, users in self._users.items() if user in users]:
            self._users[account].discard(user)
            if not self._users[account]:
                del self._users[account]

    async def resolve(self, user: Key, git: Place) -> Granted | Refused:
        """Find the remote for an object; raises ClusterError when the API server refuses."""
        if git.account_ref is None:
            self.forget(user)
            return Granted(Remote(git.repository), Committer())
        return await self._resolve_account(user, git, git.account_ref)

    async def _resolve_account(
        self, user: Key, git: Place, reference: AccountReference
    ) -> Granted | Refused:
        key = account_key(user.namespace, reference.name, reference.namespace)
        if user not in self._users.get(key, ()):
            self.forget(user)
            self._users.setdefault(key, set()).add(user)
        account = await self._account(key)
        if account is None:
            return Refused(
                Reason.ACCOUNT_NOT_FOUND,
                f"{key} does not exist; create it or change spec.git.accountRef",
            )
        labels = await self._labels(account, user.namespace)
        refused = check_account(account, user.namespace, labels, git.repository)
        return refused or await self._granted(account, git)

    async def _account(self, key: Key) -> GitAccount | None:
        known = self._accounts.get(key)
        return known or await self._cluster.get(GitAccount, key.namespace, key.name)

    async def _labels(self, account: GitAccount, namespace: str) -> dict[str, str] | None:
        if account.spec.allowed_namespaces.from_ != "Selector":
            return None
        return dict(await self._cluster.get_namespace_labels(namespace) or {})

    async def _secret(self, namespace: str, name: str) -> SecretObject | None:
        return await self._secrets.get((namespace, name))

    async def _granted(self, account: GitAccount, git: Place) -> Granted | Refused:
        secret = await read_secret(self._secret, account)
        # The host first: only here it is known for sure which one the Secret has to name.
        if secret is not None and (refused := check_host(account, secret, git.repository)):
            return refused
        method = method_of(account, secret, git.repository)
        if isinstance(method, Refused):
            return method
        signing_secret = await read_signing_secret(self._secret, account)
        signing_key = signing_key_of(account, signing_secret, git.repository)
        if isinstance(signing_key, Refused):
            return signing_key
        remote = Remote(git.repository, method.credential, account.spec.ca_bundle)
        api = provider_account(account, secret)
        return Granted(remote, account.spec.committer, signing_key, account.spec.provider, api)


async def read_secret(read: ReadSecret, account: GitAccount) -> SecretObject | None:
    """Read the Secret that the account names; None if there is none. Raises what `read` raises."""
    reference = account.spec.secret_ref
    if reference is None:
        return None
    return await read(account.metadata.namespace, reference.name)


async def read_signing_secret(read: ReadSecret, account: GitAccount) -> SecretObject | None:
    """Read the Secret of the account's signing key, as `read_secret` does."""
    signing = account.spec.signing
    if signing is None:
        return None
    return await read(account.metadata.namespace, signing.secret_ref.name)
