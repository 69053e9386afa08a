"""What people do to branches and files behind an edit's back: it is kept, and made once."""

from __future__ import annotations

import functools

import pytest

from tests.env.conftest import Shared
from tests.support.gitserver import FaultyGitServer
from tests.support.invariants import (
    assert_conflict_reported,
    assert_history,
    assert_in_step,
    assert_settled,
    repository_of,
)
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.servers import GitServers
from tests.support.synced import SHOP, Scene, Synced, link
from tests.support.waiting import eventually

FIVE = SHOP.replace(b'"2"', b'"5"')
SIX = SHOP.replace(b'"2"', b'"6"')
BLUE = SHOP.replace(b"red", b"blue")
BOTH = FIVE.replace(b"red", b"blue")
TRIES = 10  # of one pass, before it says that others are faster
MOVED = "templates/moved.yaml"


def rewrite(shop: Synced, text: bytes) -> str:
    """Put a history of one commit in place of all there was, and let the server forget it."""
    repository = repository_of(shop)
    fresh = shop.world.git.commit(shop.repository, {shop.path: text}, "Anew", branch="anew")
    repository.point(shop.branch, fresh)
    repository.point("anew", None)
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    return fresh


def is_gone(shop: Synced, commit: str) -> bool:
    return b"missing" in repository_of(shop).git("cat-file", "--batch-check", stdin=commit.encode())


def edit_while_nobody_looks(shop: Synced, **arguments: str) -> None:
    """Edit the object, so that the next pass finds what happens to Git meanwhile as well."""
    shop.patch(suspend=True)
    shop.edit(**arguments)


# The history is rewritten


def test_a_rewritten_history_is_followed_when_the_old_one_is_gone(shared: Shared) -> None:
    shop = link(shared, "gone")
    old = shop.head()
    new = rewrite(shop, SIX)
    assert is_gone(shop, old)
    shop.wait_arguments(REPLICAS="6", COLOUR="red")
    shop.wait_commit(new)
    shop.edit(COLOUR="blue")
    shop.wait_file(SIX.replace(b"red", b"blue"))
    shop.wait()
    assert_settled(shop, {"COLOUR": "blue"})
    assert shop.subjects() == ["Update gone", "Anew"]


def test_an_edit_is_kept_over_a_rewritten_history(shared: Shared) -> None:
    shop = link(shared, "kept")
    old = shop.head()
    edit_while_nobody_looks(shop, REPLICAS="5")
    rewrite(shop, BLUE)
    assert is_gone(shop, old)
    shop.patch(suspend=False)
    shop.wait_file(BOTH)
    shop.wait_arguments(REPLICAS="5", COLOUR="blue")
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})


def test_an_edit_that_a_rewritten_history_contradicts_is_a_conflict(shared: Shared) -> None:
    shop = link(shared, "contradicted")
    edit_while_nobody_looks(shop, REPLICAS="5")
    rewrite(shop, SIX)
    shop.patch(suspend=False)
    shop.wait_stalled("Conflict")
    assert_conflict_reported(shop, "arguments.REPLICAS")
    assert (shop.file(), shop.arguments()["REPLICAS"]) == (SIX, "5")
    shop.edit(REPLICAS="6")
    shop.wait()
    assert_settled(shop)
    assert shop.subjects() == ["Anew"]


def test_a_history_that_is_rewritten_under_a_push_is_not_brought_back(shared: Shared) -> None:
    shop = link(shared, "under-push")
    old = shop.head()
    shared.git.before_receive(lambda: rewrite(shop, BLUE) and None)
    shop.edit(REPLICAS="5")
    shop.wait_file(BOTH)
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    assert shop.subjects() == ["Update under-push", "Anew"]
    assert old not in {commit.sha for commit in shared.git.log("under-push")}


def test_nothing_is_guessed_when_nobody_knows_the_old_content_any_more(
    kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str, operators: Operators
) -> None:
    operator = operators()
    shop = link(Scene(kubectl, git, namespace, account), "unknown")
    operator.kill()  # and with it its cache
    shop.edit(REPLICAS="5")
    rewrite(shop, BLUE)
    operator.start()
    operator.wait_ready()

    def settled() -> bool:
        status, reason, _ = shop.ready()
        return (status, reason) == ("False", "Conflict") or shop.file() == BOTH

    eventually(settled, 20, "a merge over a base kept elsewhere, or a conflict")
    shop.look_now()
    if shop.ready()[1] == "Conflict":
        assert (shop.file(), shop.arguments()) == (BLUE, {"REPLICAS": "5", "COLOUR": "red"})
        assert "make spec.document and the file the same" in shop.ready()[2]
        shop.edit(COLOUR="blue")
        shop.push(BOTH, "The same")
    shop.wait()
    shop.wait_arguments(REPLICAS="5", COLOUR="blue")
    assert_in_step(shop)
    assert_history(shop)


# The file is moved


def test_a_file_that_is_renamed_and_renamed_back_gets_the_edit_made_meanwhile(
    shared: Shared,
) -> None:
    shop = link(shared, "renamed")
    shared.git.commit("renamed", {shop.path: None, MOVED: SHOP}, "Rename")
    shop.wait_stalled("FileNotFound")
    shop.edit(REPLICAS="5")
    assert "restore it, change spec.git.path" in shop.wait_stalled("FileNotFound")
    assert shop.arguments() == {"REPLICAS": "5", "COLOUR": "red"}
    assert shop.file(MOVED) == SHOP
    shared.git.commit("renamed", {shop.path: BLUE, MOVED: None}, "Back, and blue")
    shop.wait_file(BOTH)
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    assert shop.subjects() == ["Update renamed", "Back, and blue", "Rename", "Begin"]


def test_a_renamed_file_is_followed_by_its_new_name(shared: Shared) -> None:
    shop = link(shared, "new-name")
    shared.git.commit("new-name", {shop.path: None, MOVED: FIVE}, "Rename")
    shop.wait_stalled("FileNotFound")
    shop.patch(git={"path": MOVED})
    moved = Synced(shared, "new-name", "new-name", MOVED)
    moved.wait_arguments(REPLICAS="5", COLOUR="red")
    moved.wait()
    assert_settled(moved)


# The branch is moved, again and again


def test_a_branch_that_comes_back_elsewhere_is_taken_as_it_is(shared: Shared) -> None:
    shop = link(shared, "elsewhere")
    first = shop.head()
    shop.wait_commit(shop.push(SIX, "Six"))
    repository_of(shop).point("main", None)
    shop.wait_stalled("BranchNotFound")
    shop.edit(COLOUR="blue")
    shop.wait_stalled("BranchNotFound")
    repository_of(shop).point("main", first)
    # The number went back in Git; the colour was edited in the cluster.
    shop.wait_file(BLUE)
    shop.wait()
    assert_settled(shop, {"COLOUR": "blue"})


@pytest.mark.parametrize("races", [TRIES - 1, TRIES + 2], ids=lambda n: f"{n}-times")
def test_a_branch_that_moves_before_each_push_costs_nobody_an_edit(
    shared: Shared, races: int
) -> None:
    name = f"raced-{races}"
    shop = link(shared, name)

    def push(number: int) -> None:
        shared.git.commit(name, {"notes.txt": b"%d\n" % number}, f"Note {number}")

    for number in range(races):
        shared.git.before_receive(functools.partial(push, number))
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    others = [f"Note {number}" for number in reversed(range(races))]
    assert shop.subjects() == [f"Update {name}", *others, "Begin"]
    said = [r for r in shared.operator.records() if r.get("name") == name]
    assert any("PushContended" in r["msg"] for r in said) == (races >= TRIES)


def again_and_again(shop: Synced, times: int) -> bytes:
    """Let a person push another colour right before each of the next pushes; the last file."""

    def push(number: int) -> None:
        shop.push(SHOP.replace(b"red", b"red-%d" % number), f"Red {number}")

    for number in range(times):
        shop.world.git.before_receive(functools.partial(push, number))
    return SHOP.replace(b"red", b"red-%d" % (times - 1))


def wait_file_or_conflict(shop: Synced, text: bytes) -> None:
    eventually(lambda: shop.file() == text or shop.ready()[1] == "Conflict", 20, "either")
    assert shop.file() == text
    shop.wait()


def test_one_push_to_the_same_file_before_ours_is_merged(shared: Shared) -> None:
    shop = link(shared, "merged-once")
    last = again_and_again(shop, 1)
    shop.edit(REPLICAS="5")
    shop.wait_file(last.replace(b'"2"', b'"5"'))
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})


def test_pushes_of_the_same_field_before_each_of_our_tries_are_no_conflict(
    servers: GitServers,
) -> None:
    shop = link(servers("merged-again"), "merged-again")
    last = again_and_again(shop, 3)
    shop.edit(REPLICAS="5")
    wait_file_or_conflict(shop, last.replace(b'"2"', b'"5"'))
    assert_settled(shop, {"REPLICAS": "5"})


def test_a_person_who_goes_on_while_a_merge_waits_for_the_server_is_no_conflict(
    servers: GitServers,
) -> None:
    shop = link(servers("merged-outage"), "merged-outage", interval="2s")
    edit_while_nobody_looks(shop, REPLICAS="5")
    shop.push(BLUE, "Blue")
    shop.world.git.fail(503, times=None, service="receive-pack")
    shop.patch(suspend=False)
    shop.wait("False", "GitUnreachable")
    shop.push(SHOP.replace(b"red", b"green"), "Green")
    shop.world.git.calm()
    wait_file_or_conflict(shop, FIVE.replace(b"red", b"green"))
    assert_settled(shop, {"REPLICAS": "5"})


def test_what_a_person_takes_back_while_it_is_merged_stays_taken_back(servers: GitServers) -> None:
    shop = link(servers("taken-back"), "taken-back")
    edit_while_nobody_looks(shop, REPLICAS="5")
    shop.push(BLUE, "Blue")
    shop.world.git.before_receive(lambda: shop.push(SHOP, "Red again") and None)
    shop.patch(suspend=False)
    eventually(lambda: b'"5"' in shop.file(), 10, "the edit to be committed")
    assert shop.file() == FIVE
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
