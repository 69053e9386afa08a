"""Whom a GitAccount serves, and with which credential."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ebbflow.api.gitaccount import GitAccount, LabelSelector
from ebbflow.domain.access import (
    Method,
    Refused,
    check_account,
    check_host,
    method_of,
    selects,
    signing_key_of,
)
from ebbflow.domain.git import BasicCredential, SigningKey, SshKey
from ebbflow.domain.secret import Tainted
from tests.support.memory_cluster import MemorySecret

REPOSITORY = "https://git.example/acme/infra.git"


def account(**spec: Any) -> GitAccount:
    return GitAccount.parse(
        {
            "metadata": {"name": "acme", "namespace": "platform"},
            "spec": {"provider": "Git", "secretRef": {"name": "token"}} | spec,
        }
    )


def secret(hosts: str = "git.example", **values: str) -> MemorySecret:
    annotations = {"ebbflow.dev/hosts": hosts} if hosts else {}
    return MemorySecret(annotations, {key: Tainted(value) for key, value in values.items()})


@pytest.mark.parametrize(
    ("spec", "namespace", "labels", "allowed"),
    [
        pytest.param({}, "platform", {}, True, id="own-namespace"),
        pytest.param({}, "shop", {}, False, id="another-namespace"),
        pytest.param({"allowedNamespaces": {"from": "All"}}, "shop", {}, True, id="all"),
        pytest.param(
            {"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"t": "a"}}}},
            "shop",
            {"t": "a"},
            True,
            id="selected",
        ),
        pytest.param(
            {"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"t": "a"}}}},
            "shop",
            {"t": "b"},
            False,
            id="not-selected",
        ),
        pytest.param(
            {"allowedNamespaces": {"from": "Same", "selector": {}}},
            "shop",
            {},
            False,
            id="a-selector-without-from-Selector-selects-nothing",
        ),
        pytest.param({"url": "https://git.example"}, "platform", {}, True, id="its-server"),
        pytest.param(
            {"url": "https://git.example:8443/x"}, "platform", {}, True, id="ports-do-not-count"
        ),
        pytest.param({"url": "https://other.example"}, "platform", {}, False, id="another-server"),
        pytest.param({"provider": "GitHub"}, "platform", {}, False, id="a-hosted-server"),
        pytest.param(
            {"access": {"mode": "Restricted", "owners": ["acme"]}}, "platform", {}, True, id="owner"
        ),
        pytest.param(
            {"access": {"mode": "Restricted", "owners": ["acm"]}},
            "platform",
            {},
            False,
            id="owners-match-whole",
        ),
        pytest.param(
            {"access": {"mode": "Restricted", "repositories": ["acme/*"]}},
            "platform",
            {},
            True,
            id="glob",
        ),
        pytest.param(
            {"access": {"mode": "Restricted", "repositories": ["acme/inf"]}},
            "platform",
            {},
            False,
            id="globs-match-whole",
        ),
        pytest.param(
            {"access": {"mode": "Restricted"}}, "platform", {}, False, id="restricted-to-nothing"
        ),
        pytest.param(
            {"access": {"owners": ["x"]}}, "platform", {}, True, id="mode-All-lists-nothing"
        ),
    ],
)
def test_an_account_serves_whom_it_says(
    spec: dict[str, Any], namespace: str, labels: dict[str, str], allowed: bool
) -> None:
    refused = check_account(account(**spec), namespace, labels, REPOSITORY)
    assert (refused is None) is allowed
    if refused is not None:
        assert refused.reason == "AccountNotAllowed"
        assert "GitAccount/platform/acme" in refused.message


@pytest.mark.parametrize(
    ("values", "credential"),
    [
        pytest.param(
            {"username": "ada", "password": "p"}, BasicCredential("ada", Tainted("p")), id="basic"
        ),
        pytest.param({"token": "t"}, BasicCredential("x-access-token", Tainted("t")), id="token"),
        pytest.param(
            {"token": "t", "username": "bot"},
            BasicCredential("bot", Tainted("t")),
            id="token-with-user",
        ),
        pytest.param(
            {"token": "t\n"}, BasicCredential("x-access-token", Tainted("t")), id="final-newline"
        ),
        pytest.param(
            {"token": "", "username": "ada", "password": "p"},
            BasicCredential("ada", Tainted("p")),
            id="an-empty-key-does-not-count",
        ),
    ],
)
def test_the_keys_of_the_secret_decide_the_method(
    values: dict[str, str], credential: BasicCredential
) -> None:
    method = method_of(account(), secret(**values))
    assert isinstance(method, Method)
    assert method.credential == credential


def ssh_key(kind: bytes = b"ssh-ed25519") -> str:
    def string(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    public = string(kind) + string(bytes(32))
    head = b"openssh-key-v1\0" + string(b"none") + string(b"none") + string(b"")
    body = head + (1).to_bytes(4, "big") + string(public) + string(bytes(8))
    text = base64.b64encode(body).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----"


KEY = ssh_key()
OTHER_KEY = ssh_key(b"ssh-rsa")
HOSTS = "git.example ssh-ed25519 AAAA"
BY_SSH = "ssh://git@git.example/acme/infra"


@pytest.mark.parametrize(
    ("values", "repository", "name"),
    [
        pytest.param({}, None, "SSH", id="no-repository-known"),
        pytest.param({}, BY_SSH, "SSH", id="ssh-address"),
        pytest.param({"token": "t"}, None, "Token", id="token-first"),
        pytest.param({"token": "t"}, BY_SSH, "SSH", id="both-by-ssh"),
        pytest.param({"token": "t"}, REPOSITORY, "Token", id="both-by-https"),
    ],
)
def test_a_key_is_for_ssh_addresses(
    values: dict[str, str], repository: str | None, name: str
) -> None:
    found = secret(**values, privateKey=KEY + "\r\n\n", knownHosts=f"\n{HOSTS}")
    method = method_of(account(), found, repository)
    assert isinstance(method, Method)
    assert method.name == name
    if name == "SSH":
        assert method.credential == SshKey(Tainted(f"{KEY}\n"), f"{HOSTS}\n")


@pytest.mark.parametrize(
    ("values", "repository", "words"),
    [
        pytest.param({"token": "t"}, BY_SSH, "lacks the key privateKey", id="token-for-ssh"),
        pytest.param({"knownHosts": HOSTS}, None, "lacks the key privateKey", id="hosts-only"),
        pytest.param(
            {"privateKey": KEY}, BY_SSH, "`ssh-keyscan git.example.com`", id="no-known-hosts"
        ),
        pytest.param({"privateKey": KEY}, None, "compare their fingerprints", id="fingerprints"),
        pytest.param(
            {"privateKey": KEY, "knownHosts": HOSTS}, REPOSITORY, "lacks credentials", id="https"
        ),
        pytest.param(
            {"privateKey": KEY, "knownHosts": HOSTS, "passphrase": "p"},
            BY_SSH,
            "holds a passphrase",
            id="passphrase",
        ),
        pytest.param(
            {"privateKey": "ssh-ed25519 AAAA", "knownHosts": HOSTS},
            BY_SSH,
            "has a public key",
            id="public-key",
        ),
        pytest.param(
            {"privateKey": KEY, "knownHosts": "# nothing"},
            BY_SSH,
            "no host keys in knownHosts",
            id="empty-known-hosts",
        ),
    ],
)
def test_what_ssh_lacks_is_said(values: dict[str, str], repository: str | None, words: str) -> None:
    refused = method_of(account(), secret(**values), repository)
    assert isinstance(refused, Refused)
    assert refused.reason == "SecretIncomplete"
    assert words in refused.message
    assert "PRIVATE" not in refused.message.replace("… PRIVATE KEY", "")


SIGNED = {"signing": {"secretRef": {"name": "signing"}}}


def test_an_account_without_signing_has_no_key_for_it() -> None:
    assert signing_key_of(account(), None) is None


@pytest.mark.parametrize("repository", [None, REPOSITORY])
def test_commits_are_signed_with_the_key_of_the_secret(repository: str | None) -> None:
    found = signing_key_of(account(**SIGNED), secret(privateKey=KEY + "\r\n"), repository)
    assert found == SigningKey(Tainted(f"{KEY}\n"))


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        pytest.param(None, "SecretNotFound", "platform/signing does not exist", id="missing"),
        pytest.param(
            secret(token="t"), "SecretIncomplete", "lacks the key privateKey", id="no-key"
        ),
        pytest.param(
            secret(hosts="", privateKey=KEY), "SecretNotForHost", "may be signed", id="no-hosts"
        ),
        pytest.param(
            secret(hosts="other.example", privateKey=KEY),
            "SecretNotForHost",
            "ebbflow.dev/hosts=git.example",
            id="another-host",
        ),
        pytest.param(
            secret(privateKey="ssh-ed25519 AAAA"), "SecretIncomplete", "public key", id="public"
        ),
        pytest.param(
            secret(privateKey=OTHER_KEY), "SecretIncomplete", "kind ssh-rsa", id="another-kind"
        ),
    ],
)
def test_what_is_wrong_with_a_signing_key_is_said(
    found: MemorySecret | None, reason: str, words: str
) -> None:
    refused = signing_key_of(account(**SIGNED), found, REPOSITORY)
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert words in refused.message


def test_without_a_secret_the_account_is_nobody() -> None:
    assert method_of(account(secretRef=None), None) == Method("None", None)


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        pytest.param(None, "SecretNotFound", "Secret platform/token does not exist", id="missing"),
        pytest.param(
            secret(username="ada"), "SecretIncomplete", "keys present: username", id="incomplete"
        ),
        pytest.param(
            secret(hosts="", token="t"), "SecretNotForHost", "kubectl annotate", id="no-hosts"
        ),
    ],
)
def test_what_is_wrong_with_a_secret_is_said(
    found: MemorySecret | None, reason: str, words: str
) -> None:
    refused = method_of(account(), found)
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert words in refused.message


def test_a_secret_is_sent_nowhere_where_the_address_has_no_host() -> None:
    for address in ("https://[::1/acme/infra", "https:///acme/infra"):
        assert check_host(account(), secret(hosts="git.example,", token="t"), address) is not None


@pytest.mark.parametrize(
    ("hosts", "allowed"),
    [
        pytest.param("git.example", True, id="named"),
        pytest.param("other.example, GIT.example", True, id="one-of-several"),
        pytest.param("other.example", False, id="another"),
        pytest.param("example", False, id="a-part-of-the-name"),
        pytest.param("*.example", False, id="no-globs"),
        pytest.param("git.example.", True, id="with-its-final-dot"),
    ],
)
def test_a_secret_is_sent_only_to_the_hosts_that_it_names(hosts: str, allowed: bool) -> None:
    refused = check_host(account(), secret(hosts=hosts, token="t"), REPOSITORY)
    assert (refused is None) is allowed
    if refused is not None:
        assert "ebbflow.dev/hosts=git.example" in refused.message


@pytest.mark.parametrize(
    ("expression", "labels", "holds"),
    [
        pytest.param({"operator": "In", "values": ["a"]}, {"k": "a"}, True, id="in"),
        pytest.param({"operator": "In", "values": ["a"]}, {}, False, id="in-absent"),
        pytest.param({"operator": "NotIn", "values": ["a"]}, {"k": "a"}, False, id="not-in"),
        pytest.param({"operator": "NotIn", "values": ["a"]}, {}, True, id="not-in-absent"),
        pytest.param({"operator": "Exists"}, {"k": ""}, True, id="exists"),
        pytest.param({"operator": "DoesNotExist"}, {"k": ""}, False, id="does-not-exist"),
    ],
)
def test_label_selectors_follow_kubernetes(
    expression: dict[str, Any], labels: dict[str, str], holds: bool
) -> None:
    selector = LabelSelector.model_validate({"matchExpressions": [{"key": "k"} | expression]})
    assert selects(selector, labels) is holds
