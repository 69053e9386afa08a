"""Every commit names who made the edit, and never anybody else."""

from __future__ import annotations

import pytest

from tests.env.conftest import Shared
from tests.support.people import Person, rights_in
from tests.support.synced import Synced, link

ALICE, BOB = "alice", "bob@acme.dev"
BY_ALICE = "alice <alice@users.ebbflow.dev>"
BY_BOB = "bob@acme.dev <bob@acme.dev>"
UNRESOLVED = "unresolved <unresolved@ebbflow.dev>"


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return f"system:serviceaccount:{shared.namespace}:robot"


@pytest.fixture(scope="module", autouse=True)
def _rights(shared: Shared, robot: str) -> None:
    rights_in(shared.kubectl, shared.namespace, ALICE, BOB, robot)


@pytest.fixture
def alice(shared: Shared) -> Person:
    return Person(ALICE, shared.kubectl)


@pytest.fixture
def bob(shared: Shared) -> Person:
    return Person(BOB, shared.kubectl)


def authors(synced: Synced) -> list[str]:
    """The authors of all commits but the first, oldest first."""
    return [commit.author for commit in synced.world.git.log(synced.repository)][:-1][::-1]


def wait_commit_of(synced: Synced, **arguments: str) -> None:
    synced.wait_arguments(**arguments)
    synced.look_now()
    synced.wait()


def test_two_people_who_edit_in_turns_are_each_the_author_of_their_own_commits(
    shared: Shared, alice: Person, bob: Person
) -> None:
    shop = link(shared, "turns")
    alice.wait_recorded(shop)
    for number in range(3, 9):
        person = alice if number % 2 else bob
        person.sets(shop, REPLICAS=str(number))
        wait_commit_of(shop, REPLICAS=str(number), COLOUR="red")
        editor = shop.get()["status"]["sync"]["lastEditor"]
        assert editor == (ALICE if number % 2 else BOB)
    assert authors(shop) == [BY_ALICE, BY_BOB] * 3
