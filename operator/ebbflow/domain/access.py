"""Whom a GitAccount serves, and with which credential: decided in one place, from what was read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import (
    HOSTS_ANNOTATION,
    GitAccount,
    LabelSelector,
    LabelSelectorRequirement,
)
from ebbflow.api.reasons import Reason
from ebbflow.domain.addresses import host_of, is_ssh
from ebbflow.domain.git import AddressNotAllowed, BasicCredential, Credential, SigningKey, SshKey
from ebbflow.domain.ports import SecretObject
from ebbflow.domain.secret import Tainted
from ebbflow.domain.ssh_keys import ED25519, inspect_private_key, why_no_known_hosts

# Servers that take a token as the password want a user name beside it. GitHub documents this one,
# GitLab and Gitea take any; the others ask for one of their own.
_TOKEN_USERNAMES = {"Bitbucket": "x-token-auth", "BitbucketDataCenter": "x-token-auth"}
_SSH_KEYS = frozenset({"privateKey", "knownHosts"})
_OTHER_KEYS = frozenset({"token", "password", "appID"})
_PROTECTED_KEY = (
    "holds a passphrase, and keys with one are not supported: make a key for this use alone "
    "(`ssh-keygen -t ed25519 -N '' -f key`) and remove the key passphrase"
)
_TOKEN_USERNAME = "x-access-token"  # noqa: S105 - a user name, not a token
_PLAIN_HOST = re.compile(r"[a-z0-9:._-]{1,253}")


@dataclass(frozen=True, slots=True)
class Refused:
    """The account cannot be used; the message says who must do what."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Method:
    """How an account authenticates, as shown in its status, and with what (None: as nobody)."""

    name: str
    credential: Credential | None


def _host(url: str | None) -> str:
    """Return the host of an address; empty where it has none."""
    try:
        return host_of(url or "")
    except AddressNotAllowed:
        return ""


def repository_path(url: str) -> str:
    """Return the owner/name part of a repository's URL, without slashes around it and .git."""
    return urlsplit(url).path.strip("/").removesuffix(".git")


def check_account(
    account: GitAccount, namespace: str, labels: Mapping[str, str] | None, repository: str
) -> Refused | None:
    """Tell whether `account` may be used for `repository` by an object in `namespace`.

    `labels` are those of the namespace; they matter only for `allowedNamespaces.from: Selector`.
    """
    return (
        _check_namespace(account, namespace, labels)
        or _check_server(account, repository)
        or _check_access(account, repository)
    )


def _check_namespace(
    account: GitAccount, namespace: str, labels: Mapping[str, str] | None
) -> Refused | None:
    allowed = account.spec.allowed_namespaces
    if allowed.from_ == "All" or namespace == account.metadata.namespace:
        return None
    chosen = allowed.selector if allowed.from_ == "Selector" else None
    if chosen is not None and selects(chosen, labels or {}):
        return None
    return Refused(
        Reason.ACCOUNT_NOT_ALLOWED,
        f"{account.key} does not serve namespace {namespace}; "
        f"change its spec.allowedNamespaces or use an account of this namespace",
    )


def _check_server(account: GitAccount, repository: str) -> Refused | None:
    server = account.spec.server_url
    if server is None or _host(server) == _host(repository):
        return None
    return Refused(
        Reason.ACCOUNT_NOT_ALLOWED,
        f"{account.key} is for {_host(server)}, the repository is on {_host(repository)}; "
        f"use an account of that server",
    )


def _check_access(account: GitAccount, repository: str) -> Refused | None:
    access = account.spec.access
    if access.mode == "All":
        return None
    path = repository_path(repository)
    if access.owners and path.rpartition("/")[0] not in access.owners:
        return Refused(
            Reason.ACCOUNT_NOT_ALLOWED,
            f"{account.key} does not serve the owner of {path}; add it to its spec.access.owners",
        )
    if access.repositories and not any(fnmatchcase(path, p) for p in access.repositories):
        return Refused(
            Reason.ACCOUNT_NOT_ALLOWED,
            f"{account.key} does not serve {path}; add it to its spec.access.repositories",
        )
    if not access.owners and not access.repositories:
        return Refused(
            Reason.ACCOUNT_NOT_ALLOWED,
            f"{account.key} is Restricted and lists nothing; "
            f"fill its spec.access.owners or spec.access.repositories",
        )
    return None


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector matches, after the Kubernetes rules (empty: everything)."""
    return all(labels.get(k) == v for k, v in selector.match_labels.items()) and all(
        _holds(expression, labels) for expression in selector.match_expressions
    )


def _holds(expression: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    match expression.operator:
        case "In":
            return value is not None and value in expression.values
        case "NotIn":
            return value is None or value not in expression.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


def method_of(
    account: GitAccount, secret: SecretObject | None, repository: str | None = None
) -> Method | Refused:
    """Find out how the account authenticates from the keys of its Secret (None: there is none).

    `repository`: the address that it is for, where one is known. By ssh only a key can be used,
    and a key only there; without an address the first method counts that the Secret has all of.
    """
    reference = account.spec.secret_ref
    if reference is None:
        return Method("None", None)
    where = _secret_of(account)
    if secret is None:
        return Refused(
            Reason.SECRET_NOT_FOUND,
            f"{where} does not exist; create it or change spec.secretRef of {account.key}",
        )
    if not hosts_of(secret):
        host = _host(account.spec.server_url)
        return _not_for_host(account, host) if host else _for_no_host(account)
    data = {k: v for k, v in secret.data.items() if v.reveal().strip()}
    by_ssh = repository is not None and is_ssh(repository)
    only_ssh = data.keys() & _SSH_KEYS and not data.keys() & _OTHER_KEYS
    if by_ssh or (repository is None and only_ssh):
        return _ssh_method(where, account, data)
    return _http_method(where, account, data)


def _http_method(where: str, account: GitAccount, data: Mapping[str, Tainted]) -> Method | Refused:
    if "token" in data:
        username = data["username"].reveal().strip() if "username" in data else ""
        username = username or _TOKEN_USERNAMES.get(account.spec.provider, _TOKEN_USERNAME)
        return Method("Token", BasicCredential(username, _stripped(data["token"])))
    if "username" in data and "password" in data:
        return Method(
            "Basic", BasicCredential(data["username"].reveal().strip(), _stripped(data["password"]))
        )
    return Refused(
        Reason.SECRET_INCOMPLETE,
        f"{where} lacks credentials: give it the key token, or username and password, or for an "
        f"ssh:// address privateKey and knownHosts (keys present: {_present(data)})",
    )


def _ssh_method(where: str, account: GitAccount, data: Mapping[str, Tainted]) -> Method | Refused:
    problem = _ssh_problem(account, data)
    if problem is not None:
        return Refused(Reason.SECRET_INCOMPLETE, f"{where} {problem}")
    # OpenSSH reads a key only if its last line ends.
    key = data["privateKey"].reveal().strip() + "\n"
    known_hosts = data["knownHosts"].reveal().strip() + "\n"
    return Method("SSH", SshKey(Tainted(key), known_hosts))


def _ssh_problem(account: GitAccount, data: Mapping[str, Tainted]) -> str | None:
    if "privateKey" not in data:
        return (
            "lacks the key privateKey, which an ssh:// address needs: give it a private key "
            f"without a passphrase (keys present: {_present(data)})"
        )
    if "knownHosts" not in data:
        host = _host(account.spec.server_url) or "git.example.com"
        return (
            f"lacks the key knownHosts. `ssh-keyscan {host}` prints its lines (-p for another "
            "port); compare their fingerprints (`ssh-keygen -lf`) with what the server's operator "
            f"publishes before you put them there (keys present: {_present(data)})"
        )
    if "passphrase" in data:
        return _PROTECTED_KEY
    return inspect_private_key(data["privateKey"]).problem or why_no_known_hosts(
        data["knownHosts"].reveal()
    )


def _present(data: Mapping[str, Tainted]) -> str:
    return ", ".join(sorted(data)) or "none"


def signing_key_of(
    account: GitAccount, secret: SecretObject | None, repository: str | None = None
) -> SigningKey | Refused | None:
    """Return the key that the account's commits are signed with; None if they are not.

    `secret`: the one that spec.signing names (None: it does not exist). `repository`: the address
    that commits are for, where one is known.
    """
    if account.spec.signing is None:
        return None
    where = f"Secret {account.metadata.namespace}/{account.spec.signing.secret_ref.name}"
    if secret is None:
        return Refused(
            Reason.SECRET_NOT_FOUND,
            f"{where} does not exist; create it or change spec.signing of {account.key}",
        )
    # Whoever may write GitAccounts could else have any key of the namespace sign what they like.
    host = _host(repository or account.spec.server_url)
    listed = hosts_of(secret)
    if not listed or (repository is not None and host not in listed):
        return _not_for_signing(account, host or "git.example.com")
    key = secret.data.get("privateKey")
    if key is None:
        problem: str | None = f"lacks the key privateKey (keys present: {_present(secret.data)})"
    else:
        problem = _signing_problem(key)
    if key is None or problem is not None:
        return Refused(Reason.SECRET_INCOMPLETE, f"{where} of spec.signing {problem}")
    return SigningKey(Tainted(key.reveal().strip() + "\n"))


def _signing_problem(key: Tainted) -> str | None:
    facts = inspect_private_key(key)
    if facts.problem is not None or facts.kind == ED25519:
        return facts.problem
    # Signatures of other kinds hold chance: a commit made again would be another one.
    return (
        f"has a privateKey of the kind {facts.kind or 'PEM'}, and only ssh-ed25519 keys sign the same "
        "commit the same way each time: make one with `ssh-keygen -t ed25519 -N '' -f signing`"
    )


def _stripped(value: Tainted) -> Tainted:
    # `kubectl create secret --from-file` keeps the newline that editors put at the end.
    return Tainted(value.reveal().strip("\r\n"))


def check_host(account: GitAccount, secret: SecretObject, repository: str) -> Refused | None:
    """Tell whether the Secret says that it may be sent to the repository's host."""
    hosts = hosts_of(secret)
    host = _host(repository)
    if host in hosts:
        return None
    # The command must not take the Secret from the hosts that it is for already; and people run
    # it, so nothing goes into it that a shell would read as more than a name.
    return _not_for_host(account, ",".join([host, *filter(_PLAIN_HOST.fullmatch, sorted(hosts))]))


def hosts_of(secret: SecretObject) -> frozenset[str]:
    """Return the hosts that a Secret says to be for."""
    listed = secret.annotations.get(HOSTS_ANNOTATION, "").split(",")
    return frozenset(host.strip().rstrip(".").lower() for host in listed) - {""}


def _not_for_signing(account: GitAccount, host: str) -> Refused:
    name = account.spec.signing.secret_ref.name if account.spec.signing else ""
    namespace = account.metadata.namespace
    return Refused(
        Reason.SECRET_NOT_FOR_HOST,
        f"Secret {namespace}/{name} does not say that commits for {host} may be signed with it; if "
        f"they may: kubectl annotate secret -n {namespace} {name} {HOSTS_ANNOTATION}={host} --overwrite",
    )


def _not_for_host(account: GitAccount, hosts: str) -> Refused:
    return Refused(
        Reason.SECRET_NOT_FOR_HOST,
        f"{_secret_of(account)} does not say that it may be sent to {hosts.partition(',')[0]}; "
        f"if it may: {_annotate(account, hosts)}",
    )


def _for_no_host(account: GitAccount) -> Refused:
    return Refused(
        Reason.SECRET_NOT_FOR_HOST,
        f"{_secret_of(account)} does not say to which hosts it may be sent; name your Git server's, "
        f"in place of git.example.com here: {_annotate(account, 'git.example.com')}",
    )


def _secret_of(account: GitAccount) -> str:
    name = account.spec.secret_ref.name if account.spec.secret_ref else ""
    return f"Secret {account.metadata.namespace}/{name}"


def _annotate(account: GitAccount, hosts: str) -> str:
    name = account.spec.secret_ref.name if account.spec.secret_ref else ""
    return (
        f"kubectl annotate secret -n {account.metadata.namespace} {name} "
        f"{HOSTS_ANNOTATION}={hosts} --overwrite"
    )


def account_key(namespace: str, name: str, account_namespace: str | None) -> Key:
    """Return the key of the GitAccount that an object of `namespace` names."""
    return Key(GitAccount.declaration.kind, account_namespace or namespace, name)
