"""Accounts and Secrets that cannot be used: each is said in a condition with who must do what."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.env.conftest import GIT_USER, Shared
from tests.support.builders import SecretBuilder, git_account, secret, template
from tests.support.synced import PATH, SHOP, Synced

MakeSecret = Callable[[SecretBuilder, str], SecretBuilder]


def usual(made: SecretBuilder, password: str) -> SecretBuilder:
    return made.for_hosts("127.0.0.1").with_login(GIT_USER, password)


@dataclass(frozen=True)
class Bad:
    """What is wrong with an account (None: there is none) or its Secret, and what is said to it."""

    reason: str
    words: tuple[str, ...]
    secret: MakeSecret | None = usual
    account: dict[str, Any] | None = field(default_factory=dict)


TABLE = {
    "no-account": Bad(
        "AccountNotFound",
        ("GitAccount/{namespace}/no-account does not exist; create it or change spec.git",),
        account=None,
    ),
    "no-secret": Bad(
        "SecretNotFound", ("Secret {namespace}/no-secret does not exist; create it",), secret=None
    ),
    "wrong-password": Bad(
        "AuthenticationFailed",
        ("refused the credentials", "Correct the Secret of the GitAccount"),
        lambda made, _: usual(made, "not the password"),
    ),
    "wrong-user": Bad(
        "AuthenticationFailed",
        ("refused the credentials",),
        lambda made, password: made.for_hosts("127.0.0.1").with_login("somebody", password),
    ),
    "wrong-token": Bad(
        "AuthenticationFailed",
        ("refused the credentials",),
        lambda made, _: made.for_hosts("127.0.0.1").with_values(token="not the token"),
    ),
    "no-hosts": Bad(
        "SecretNotForHost",
        (
            "Secret {namespace}/no-hosts does not say that it may be sent to 127.0.0.1",
            "kubectl annotate secret -n {namespace} no-hosts ebbflow.dev/hosts=127.0.0.1",
        ),
        lambda made, password: made.with_login(GIT_USER, password),
    ),
    "empty-hosts": Bad(
        "SecretNotForHost",
        ("ebbflow.dev/hosts=127.0.0.1",),
        lambda made, password: made.for_hosts("").with_login(GIT_USER, password),
    ),
    "other-hosts": Bad(
        "SecretNotForHost",
        ("ebbflow.dev/hosts=127.0.0.1,git.acme.dev --overwrite",),
        lambda made, password: made.for_hosts("git.acme.dev").with_login(GIT_USER, password),
    ),
    "hosts-that-a-shell-would-run": Bad(
        "SecretNotForHost",
        ("ebbflow.dev/hosts=127.0.0.1,git.acme.dev --overwrite",),
        lambda made, password: made.for_hosts("$(reboot)", "git.acme.dev", "a b").with_login(
            GIT_USER, password
        ),
    ),
    "host-in-a-longer-name": Bad(
        "SecretNotForHost",
        ("kubectl annotate secret",),
        lambda made, password: made.for_hosts("127.0.0.10").with_login(GIT_USER, password),
    ),
    "no-keys": Bad(
        "SecretIncomplete",
        ("give it the key token, or username and password", "keys present: none"),
        lambda made, _: made.for_hosts("127.0.0.1"),
    ),
    "no-password": Bad(
        "SecretIncomplete",
        ("Secret {namespace}/no-password lacks credentials", "keys present: username"),
        lambda made, _: made.for_hosts("127.0.0.1").with_values(username=GIT_USER),
    ),
    "empty-password": Bad(
        "SecretIncomplete",
        ("keys present: username",),
        lambda made, _: made.for_hosts("127.0.0.1").with_login(GIT_USER, ""),
    ),
    "other-keys": Bad(
        "SecretIncomplete",
        ("keys present: pass, user",),
        lambda made, password: made.for_hosts("127.0.0.1").with_values(
            user="x", **{"pass": password}
        ),
    ),
    "account-without-a-secret": Bad(
        "AuthenticationFailed", ("wants credentials",), account={"secretRef": None}
    ),
    "account-of-another-server": Bad(
        "AccountNotAllowed",
        ("is for git.acme.dev, the repository is on 127.0.0.1", "use an account of that server"),
        account={"url": "https://git.acme.dev"},
    ),
    "owner-not-listed": Bad(
        "AccountNotAllowed",
        ("does not serve the owner of", "add it to its spec.access.owners"),
        account={"access": {"mode": "Restricted", "owners": ["acme"]}},
    ),
    "repository-not-listed": Bad(
        "AccountNotAllowed",
        ("add it to its spec.access.repositories",),
        account={"access": {"mode": "Restricted", "repositories": ["acme/*"]}},
    ),
    "restricted-to-nothing": Bad(
        "AccountNotAllowed",
        ("is Restricted and lists nothing",),
        account={"access": {"mode": "Restricted"}},
    ),
}


def make_account(shared: Shared, name: str, bad: Bad) -> None:
    if bad.secret is not None:
        made = secret(name).within(shared.namespace)
        shared.kubectl.create(bad.secret(made, shared.canary.value).build())
    if bad.account is not None:
        account = git_account(name).within(shared.namespace).using(name).spec(**bad.account)
        shared.kubectl.create(account.build())


@pytest.fixture(scope="module")
def shops(shared: Shared) -> dict[str, Synced]:
    """One Template a row of the table, with an account of its own."""
    shared.git.create_repository("private", {PATH: SHOP})
    for name, bad in TABLE.items():
        make_account(shared, name, bad)
        made = template(name).within(shared.namespace)
        shared.kubectl.create(made.at(shared.git.url_of("private"), PATH, account=name).build())
    return {name: Synced(shared, name, "private", PATH) for name in TABLE}


@pytest.mark.parametrize("name", TABLE)
def test_an_account_that_cannot_be_used_is_said_with_who_must_do_what(
    shared: Shared, shops: dict[str, Synced], name: str
) -> None:
    message = shops[name].wait_stalled(TABLE[name].reason)
    for words in TABLE[name].words:
        assert words.format(namespace=shared.namespace) in message
    assert shops[name].document() is None


@pytest.mark.parametrize("name", ["no-hosts", "other-hosts"])
def test_the_command_in_the_message_mends_it(
    shared: Shared, shops: dict[str, Synced], name: str
) -> None:
    message = shops[name].wait_stalled("SecretNotForHost")
    program, *arguments = shlex.split(message.partition("if it may: ")[2])
    assert program == "kubectl"
    shared.kubectl.run(*arguments)
    shops[name].wait(reason="InStep")
    assert shops[name].arguments() == {"REPLICAS": "2", "COLOUR": "red"}


def test_a_private_repository_without_an_account_asks_for_one(shared: Shared) -> None:
    shared.git.create_repository("anonymous", {PATH: SHOP})
    made = template("anonymous").within(shared.namespace)
    shared.kubectl.create(made.at(shared.git.url_of("anonymous"), PATH).build())
    message = Synced(shared, "anonymous", "anonymous", PATH).wait_stalled("AuthenticationFailed")
    assert "wants credentials" in message
    assert "GitAccount" in message


SELECTOR = {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}


@pytest.mark.parametrize(
    ("allowed", "labels", "reason"),
    [
        pytest.param({"from": "Same"}, {}, "AccountNotAllowed", id="its-own-alone"),
        pytest.param({"from": "All"}, {}, "InStep", id="all"),
        pytest.param(SELECTOR, {"team": "shop"}, "InStep", id="chosen-by-label"),
        pytest.param(SELECTOR, {"team": "ads"}, "AccountNotAllowed", id="not-chosen-by-label"),
    ],
)
def test_an_account_of_another_namespace_serves_whom_it_allows(
    shared: Shared,
    namespace: str,
    request: pytest.FixtureRequest,
    allowed: dict[str, Any],
    labels: dict[str, str],
    reason: str,
) -> None:
    name = f"far-{request.node.callspec.id}"
    shared.kubectl.patch("Namespace", shared.namespace, "", {"metadata": {"labels": labels}})
    login = secret("far").within(namespace)
    shared.kubectl.create(usual(login, shared.canary.value).build())
    account = git_account("far").within(namespace).using("far").serving(**allowed)
    shared.kubectl.create(account.build())
    shared.git.create_repository(name, {PATH: SHOP})
    made = template(name).within(shared.namespace)
    made = made.at(shared.git.url_of(name), PATH, account="far", account_namespace=namespace)
    shared.kubectl.create(made.build())
    shop = Synced(shared, name, name, PATH)
    if reason == "InStep":
        shop.wait(reason="InStep")
        return
    message = shop.wait_stalled(reason)
    assert f"does not serve namespace {shared.namespace}" in message
    assert "change its spec.allowedNamespaces" in message
