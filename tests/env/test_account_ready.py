"""A GitAccount says whether it can be used and how, before a Template finds out."""

from __future__ import annotations

import shlex

import pytest

from tests.env.conftest import GIT_USER, Shared
from tests.support.builders import SecretBuilder, git_account, secret
from tests.support.kubectl import condition_of
from tests.support.synced import SHOP, Scene, link

FIVE = SHOP.replace(b'"2"', b'"5"')


def make(shared: Shared, name: str, made: SecretBuilder | None) -> None:
    if made is not None:
        shared.kubectl.create(made.within(shared.namespace).build())
    account = git_account(name).within(shared.namespace).using(name)
    shared.kubectl.create(account.build())


def wait(shared: Shared, name: str, status: str, reason: str) -> str:
    """Wait for what the account says of itself; the message."""
    seen = shared.kubectl.wait_condition(
        "GitAccount", name, shared.namespace, "Ready", status, reason=reason
    )
    stalled = condition_of(seen, "Stalled")
    assert (stalled is not None) == (status == "False")
    ready = condition_of(seen, "Ready")
    assert ready is not None
    return str(ready["message"])


def method(shared: Shared, name: str) -> str | None:
    found: str | None = shared.kubectl.get("GitAccount", name, shared.namespace)["status"].get(
        "method"
    )
    return found


@pytest.mark.parametrize(
    ("name", "values", "shown"),
    [
        pytest.param(
            "by-password", {"username": "ada", "password": "sesame-0"}, "Basic", id="basic"
        ),
        pytest.param("by-token", {"token": "sesame-1"}, "Token", id="token"),
        pytest.param(
            "by-both", {"token": "sesame-2", "username": "ada", "password": "x"}, "Token", id="both"
        ),
    ],
)
def test_an_account_shows_how_it_authenticates(
    shared: Shared, name: str, values: dict[str, str], shown: str
) -> None:
    make(shared, name, secret(name).for_hosts("git.acme.dev").with_values(**values))
    assert wait(shared, name, "True", "AccountReady") == f"Authenticates by {shown}"
    assert method(shared, name) == shown


def test_the_real_kubectl_waits_for_it_and_shows_it(shared: Shared) -> None:
    shared.kubectl.kubectl_wait("GitAccount", shared.account, shared.namespace)
    listed = shared.kubectl.run("get", "ga", "--namespace", shared.namespace, shared.account)
    assert listed.split("\n")[0].split() == ["NAME", "PROVIDER", "READY", "STATUS", "AGE"]
    assert "Authenticates by Basic" in listed


def test_an_account_without_a_secret_is_for_public_repositories(shared: Shared) -> None:
    shared.kubectl.create(git_account("public").within(shared.namespace).build())
    wait(shared, "public", "True", "AccountReady")
    assert method(shared, "public") == "None"


def test_a_missing_secret_is_said_and_found_when_it_is_there(shared: Shared) -> None:
    make(shared, "later", None)
    message = wait(shared, "later", "False", "SecretNotFound")
    assert f"Secret {shared.namespace}/later does not exist; create it" in message
    made = secret("later").within(shared.namespace).for_hosts("git.acme.dev")
    shared.kubectl.create(made.with_values(token="sesame-3").build())
    wait(shared, "later", "True", "AccountReady")


def test_a_secret_without_its_hosts_is_said_with_the_command_that_adds_them(
    shared: Shared,
) -> None:
    make(shared, "hostless", secret("hostless").with_values(token="sesame-4"))
    message = wait(shared, "hostless", "False", "SecretNotForHost")
    program, *arguments = shlex.split(message.partition("git.example.com here: ")[2])
    assert program == "kubectl"
    shared.kubectl.run(*arguments)
    wait(shared, "hostless", "True", "AccountReady")


def test_a_secret_that_lacks_keys_is_said_with_those_that_it_has(shared: Shared) -> None:
    make(shared, "keyless", secret("keyless").for_hosts("x.dev").with_values(user="sesame-5"))
    message = wait(shared, "keyless", "False", "SecretIncomplete")
    assert "give it the key token, or username and password" in message
    assert "keys present: user" in message
    assert "sesame" not in message
    shared.kubectl.apply(
        secret("keyless")
        .within(shared.namespace)
        .for_hosts("x.dev")
        .with_login("ada", "sesame-6")
        .build()
    )
    wait(shared, "keyless", "True", "AccountReady")


def test_a_token_opens_a_repository_in_both_directions(shared: Shared) -> None:
    # A server takes the token as the password of any user.
    shared.git.token = shared.canary.value
    made = secret("token").for_hosts("127.0.0.1").with_values(token=shared.canary.value)
    make(shared, "token", made)
    shop = link(Scene(shared.kubectl, shared.git, shared.namespace, "token"), "with-token")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    shop.wait_commit(shop.head())


def test_a_password_with_the_line_end_of_an_editor_is_good(shared: Shared) -> None:
    made = secret("newline").for_hosts("127.0.0.1").with_login(GIT_USER, shared.canary.value + "\n")
    make(shared, "newline", made)
    link(Scene(shared.kubectl, shared.git, shared.namespace, "newline"), "with-newline")


def test_a_secret_whose_hosts_are_several_is_for_each_of_them(shared: Shared) -> None:
    made = secret("hosts").for_hosts("git.acme.dev", " 127.0.0.1 ")
    make(shared, "hosts", made.with_login(GIT_USER, shared.canary.value))
    link(Scene(shared.kubectl, shared.git, shared.namespace, "hosts"), "with-hosts")
