"""A right that is taken away ends at once, and what the Templates hold stays."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.env.conftest import GIT_USER, Shared
from tests.support.builders import git_account, secret
from tests.support.synced import SHOP, Scene, Synced, attach, link

FIVE = SHOP.replace(b'"2"', b'"5"')
ACCOUNT = "revoked"
NUMBERS = itertools.count(1)


@pytest.fixture
def shop(shared: Shared) -> Iterator[Synced]:
    """A Template in step, by an account that the test may do away with."""
    login = secret(ACCOUNT).within(shared.namespace).for_hosts("127.0.0.1")
    shared.kubectl.apply(login.with_login(GIT_USER, shared.canary.value).build())
    give_account(shared)
    scene = Scene(shared.kubectl, shared.git, shared.namespace, ACCOUNT)
    made = link(scene, f"shop-{next(NUMBERS)}")
    yield made
    shared.kubectl.delete("Template", made.name, shared.namespace)


def give_account(shared: Shared) -> None:
    account = git_account(ACCOUNT).within(shared.namespace).using(ACCOUNT)
    shared.kubectl.apply(account.build())


def test_templates_of_a_deleted_account_keep_their_content(shared: Shared, shop: Synced) -> None:
    other = attach(shop.world, "other", shop.repository)
    shared.kubectl.delete("GitAccount", ACCOUNT, shared.namespace)
    for each in (shop, other):
        message = each.wait_stalled("AccountNotFound")
        assert f"GitAccount/{shared.namespace}/{ACCOUNT} does not exist" in message
        assert each.arguments() == {"REPLICAS": "2", "COLOUR": "red"}
    asked = shared.git.counts.total(repository=shop.repository)
    shop.edit(REPLICAS="5")
    shop.wait_stalled("AccountNotFound")
    assert shared.git.counts.total(repository=shop.repository) == asked
    # Linked again, what was edited meanwhile is committed once and reaches the other.
    give_account(shared)
    shop.wait_file(FIVE)
    other.wait_arguments(REPLICAS="5", COLOUR="red")
    assert shop.subjects() == [f"Update {shop.name}", "Begin"]
    shared.kubectl.delete("Template", "other", shared.namespace)


def test_an_account_that_serves_other_owners_now_serves_no_longer(
    shared: Shared, shop: Synced
) -> None:
    restricted = {"spec": {"access": {"mode": "Restricted", "owners": ["acme"]}}}
    shared.kubectl.patch("GitAccount", ACCOUNT, shared.namespace, restricted)
    message = shop.wait_stalled("AccountNotAllowed")
    assert "add it to its spec.access.owners" in message
    assert shop.arguments() == {"REPLICAS": "2", "COLOUR": "red"}
    free = {"spec": {"access": None}}
    shared.kubectl.patch("GitAccount", ACCOUNT, shared.namespace, free)
    shop.wait(reason="InStep")


def test_a_template_can_change_to_another_account(shared: Shared, shop: Synced) -> None:
    shared.kubectl.delete("GitAccount", ACCOUNT, shared.namespace)
    shop.wait_stalled("AccountNotFound")
    shop.patch(git={"accountRef": {"name": shared.account}})
    shop.wait(reason="InStep")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
