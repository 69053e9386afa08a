"""Two operators that both think they lead: the Lease is for load, and safety does not need it.

They serve the same namespace under different Leases, as if one had slept long and not noticed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ebbflow.devcluster.gitrepository import GitFailed
from tests.env.conftest import fresh_namespace
from tests.support.canary import CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.invariants import assert_settled, repository_of
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, Synced, attach
from tests.support.waiting import eventually

FILES = 6
ROUNDS = 3
COLOURS = ("red", "blue", "green", "grey")
SETTLED_SECONDS = 20.0


@dataclass(frozen=True)
class Both:
    """Two operators of one namespace, each with a Lease of its own, and what they serve."""

    first: OperatorProcess
    second: OperatorProcess
    scene: Scene
    shops: list[Synced]


@pytest.fixture
def elsewhere(kubectl: Kubectl, canary_search: CanarySearch) -> Iterator[str]:
    with fresh_namespace(kubectl, "elsewhere", canary_search) as name:
        yield name


@pytest.fixture
def both(
    kubectl: Kubectl,
    git: FaultyGitServer,
    namespace: str,
    account: str,
    elsewhere: str,
    operators: Operators,
) -> Both:
    # Which namespaces are served makes the Lease's name.
    first, second = operators(), operators(namespaces=[namespace, elsewhere])
    assert [leads(first), leads(second)] == [True, True]
    scene = Scene(kubectl, git, namespace, account)
    names = [f"file-{number}" for number in range(FILES)]
    git.create_repository("infra", {f"{name}.yaml": SHOP for name in names})
    shops = [attach(scene, n, "infra", path=f"{n}.yaml", ready=False) for n in names]
    for shop in shops:
        shop.wait()
    return Both(first, second, scene, shops)


def leads(operator: OperatorProcess) -> bool:
    return operator.metric("leader_election_master_status") == 1


def wait_values(shop: Synced, replicas: str, colour: str) -> None:
    text = SHOP.replace(b'"2"', f'"{replicas}"'.encode()).replace(b"red", colour.encode())
    shop.wait_file(text)
    shop.wait_arguments(REPLICAS=replicas, COLOUR=colour)


def test_each_edit_is_one_commit_and_each_push_is_kept(both: Both) -> None:
    git = both.scene.git
    for number in range(ROUNDS):
        replicas, colour = str(5 + number), COLOURS[number + 1]
        git.before_receive(
            functools.partial(git.commit, "infra", {"notes.txt": b"%d\n" % number}, "Note")
        )
        for shop in both.shops:
            shop.edit(REPLICAS=replicas)
        for shop in both.shops[::2]:
            push_colour(shop, COLOURS[number], colour)
        for index, shop in enumerate(both.shops):
            wait_values(shop, replicas, colour if index % 2 == 0 else "red")
    for shop in both.shops:
        eventually(lambda shop=shop: shop.ready()[1] == "InStep", SETTLED_SECONDS, "to settle")
        assert_settled(shop, *({"REPLICAS": str(5 + number)} for number in range(ROUNDS)))
    pushed = [
        operator.metric("ebbflow_git_operations_total", operation="push")
        for operator in (both.first, both.second)
    ]
    assert all(pushed), f"one of them did nothing: {pushed}"


def push_colour(shop: Synced, old: str, new: str) -> None:
    """Push as a person does: onto what was read, and once more if somebody was faster."""
    repository = repository_of(shop)

    def push() -> bool:
        head = shop.head()
        text = repository.show(head, shop.path).replace(old.encode(), new.encode(), 1)
        repository.point("person", head)
        made = shop.world.git.commit(
            shop.repository, {shop.path: text}, f"{new} {shop.name}", branch="person"
        )
        try:
            repository.git("update-ref", f"refs/heads/{shop.branch}", made, head)
        except GitFailed:
            return False
        return True

    eventually(push, SETTLED_SECONDS, "a person's push to be taken")


def test_one_that_wakes_from_a_long_sleep_undoes_nothing(both: Both) -> None:
    shop = both.shops[0]
    both.first.pause()
    shop.edit(REPLICAS="5")
    wait_values(shop, "5", "red")
    shop.wait()
    shop.push(shop.file().replace(b"red", b"blue"), "Blue")
    wait_values(shop, "5", "blue")
    shop.wait()
    both.first.resume()
    both.first.wait_ready()
    both.second.pause()
    try:
        # Only the one that slept can answer.
        shop.look_now()
        shop.edit(REPLICAS="7")
        wait_values(shop, "7", "blue")
        shop.wait()
        assert_settled(shop, {"REPLICAS": "5"}, {"REPLICAS": "7"})
    finally:
        both.second.resume()
    assert shop.subjects() == ["Update file-0", "Blue", "Update file-0", "Begin"]
