"""Edits that come within two seconds are one commit, whoever makes them."""

from __future__ import annotations

import time

import pytest

from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.people import Person, rights_in
from tests.support.synced import Scene, Synced, link
from tests.support.waiting import eventually

ALICE, BOB = "alice", "bob@acme.dev"
WINDOW = 2.0


@pytest.fixture
def shop(
    kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str, operators: Operators
) -> Synced:
    """A Template in step, under an operator with the window that users get."""
    operators("--commit-window=2s")
    rights_in(kubectl, namespace, ALICE, BOB)
    return link(Scene(kubectl, git, namespace, account), "shop")


def commits(shop: Synced) -> int:
    return len(shop.subjects())


def test_two_people_within_the_window_share_a_commit_and_the_next_edit_has_its_own(
    shop: Synced,
) -> None:
    alice, bob = (Person(user, shop.world.kubectl) for user in (ALICE, BOB))
    alice.wait_recorded(shop)
    began = time.monotonic()
    alice.sets(shop, REPLICAS="5")
    bob.sets(shop, COLOUR="blue")
    assert time.monotonic() - began < WINDOW, "the two edits were not within the window"
    eventually(lambda: commits(shop) > 1, 10, "the edits to be committed")
    assert time.monotonic() - began >= WINDOW
    shop.wait()
    (commit, _begin) = shop.world.git.log("shop")
    assert commit.author == f"{BOB} <{BOB}>"
    assert "Co-authored-by: alice <alice@users.ebbflow.dev>" in commit.message
    assert b'"5"' in shop.file()
    assert b"blue" in shop.file()
    alice.sets(shop, REPLICAS="6")
    eventually(lambda: commits(shop) > 2, 10, "the next edit to be committed")
    assert shop.world.git.log("shop")[0].author == "alice <alice@users.ebbflow.dev>"
    assert "Co-authored-by" not in shop.world.git.log("shop")[0].message


def test_who_asks_for_a_pass_gets_the_commit_now(shop: Synced) -> None:
    shop.edit(REPLICAS="5")
    shop.look_now()
    assert b'"5"' in shop.file()
    assert commits(shop) == 2
