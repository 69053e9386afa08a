"""What people push is never undone by an edit of the object, and nobody is named who did not edit.

Every case is one in which another tool that writes edits back was seen to lose something.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.env.conftest import Shared
from tests.support.builders import template
from tests.support.gitserver import FaultyGitServer
from tests.support.invariants import (
    assert_conflict_reported,
    assert_history,
    assert_settled,
    own_commits,
)
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.people import Person, rights_in
from tests.support.servers import GitServers
from tests.support.synced import SHOP, Scene, Synced, attach, changed_lines, link
from tests.support.waiting import eventually

BY_ALICE = "alice <alice@users.ebbflow.dev>"
FIVE = SHOP.replace(b'"2"', b'"5"')
NEW_KEY = SHOP.replace(b"  COLOUR: red\n", b"  COLOUR: red\n  SIZE: large\n")
COMMENT = SHOP.replace(b"# The shop\n", b"# The shop, ours\n")
OTHER = "templates/other.yaml"
OUTAGE_SECONDS = 4.0


@dataclass(frozen=True)
class Pushed:
    """What a person pushes while the object's REPLICAS is edited, and the file that must follow."""

    files: dict[str, bytes]
    file: bytes


def same_file(text: bytes) -> Callable[[str], Pushed]:
    return lambda path: Pushed({path: text}, text.replace(b'"2"', b'"5"'))


PUSHES: dict[str, Callable[[str], Pushed]] = {
    "another-key": same_file(SHOP.replace(b"red", b"blue")),
    "a-new-key": same_file(NEW_KEY),
    "a-comment": same_file(COMMENT),
    "another-file": lambda _: Pushed({OTHER: b"hello: 1\n"}, FIVE),
}

Moment = Callable[[Synced, Pushed], None]


def before_it_is_seen(shop: Synced, pushed: Pushed) -> None:
    """The push is there when the edit is looked at for the first time."""
    shop.patch(suspend=True)
    shop.edit(REPLICAS="5")
    shop.world.git.commit(shop.repository, pushed.files, "By hand")
    shop.patch(suspend=False)


def before_our_push(shop: Synced, pushed: Pushed) -> None:
    """The push comes between our commit and our push."""
    git = shop.world.git
    git.before_receive(lambda: git.commit(shop.repository, pushed.files, "By hand") and None)
    shop.edit(REPLICAS="5")


def before_the_edit(shop: Synced, pushed: Pushed) -> None:
    """The push comes first, and nothing was edited in the cluster then."""
    shop.world.git.commit(shop.repository, pushed.files, "By hand")
    shop.look_now()
    shop.edit(REPLICAS="5")


MOMENTS: dict[str, Moment] = {
    "before-the-edit-is-seen": before_it_is_seen,
    "between-commit-and-push": before_our_push,
    "before-the-edit": before_the_edit,
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("what", PUSHES)
def test_what_a_person_pushes_stays(shared: Shared, what: str, moment: str) -> None:
    shop = link(shared, f"{what}-{moment}")
    pushed = PUSHES[what](shop.path)
    MOMENTS[moment](shop, pushed)
    shop.wait_file(pushed.file)
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    for path, text in pushed.files.items():
        assert shop.file(path) == (pushed.file if path == shop.path else text)
    commit, by_hand, _ = shared.git.log(shop.repository)
    assert by_hand.message == "By hand\n"
    assert [line[0] for line in changed_lines(shared.git.diff(shop.repository, commit.sha))] == [
        *"-+"
    ]


@pytest.mark.parametrize("moment", ["before-the-edit-is-seen", "between-commit-and-push"])
def test_the_same_key_on_both_sides_is_reported_and_neither_value_is_lost(
    shared: Shared, moment: str
) -> None:
    shop = link(shared, f"same-key-{moment}")
    six = SHOP.replace(b'"2"', b'"6"')
    MOMENTS[moment](shop, Pushed({shop.path: six}, six))
    shop.wait_stalled("Conflict")
    assert_conflict_reported(shop, "arguments.REPLICAS")
    assert (shop.file(), shop.arguments()["REPLICAS"]) == (six, "5")
    assert shop.subjects() == ["By hand", "Begin"]
    # The rest goes on when the sides are made to agree.
    shop.push(FIVE, "Agreed")
    shop.wait()
    assert_settled(shop)


def test_what_is_pushed_while_an_edit_waits_for_others_stays(
    kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str, operators: Operators
) -> None:
    operators("--commit-window=3s")
    scene = Scene(kubectl, git, namespace, account)
    shops = {what: link(scene, what, ready=False) for what in PUSHES}
    same_key = link(scene, "same-key")
    for shop in shops.values():
        shop.wait()
    for what, shop in shops.items():
        shop.edit(REPLICAS="5")
        git.commit(what, PUSHES[what](shop.path).files, "By hand")
    same_key.edit(REPLICAS="5")
    same_key.push(SHOP.replace(b'"2"', b'"6"'), "By hand")
    for what, shop in shops.items():
        shop.wait_file(PUSHES[what](shop.path).file)
        shop.wait()
        assert_settled(shop, {"REPLICAS": "5"})
        assert shop.subjects() == [f"Update {what}", "By hand", "Begin"]
    same_key.wait_stalled("Conflict")
    assert_conflict_reported(same_key, "arguments.REPLICAS")


# Git is away


@pytest.mark.parametrize("what", ["the-server", "the-push"])
def test_an_outage_of_seconds_is_told_and_the_edit_made_by_itself_afterwards(
    servers: GitServers, what: str
) -> None:
    scene = servers(f"outage-of-{what}")
    shop = link(scene, f"outage-of-{what}")
    over = time.monotonic() + OUTAGE_SECONDS
    if what == "the-server":
        scene.git.stop()
    else:
        scene.git.fail(502, times=None, service="receive-pack")
    shop.edit(REPLICAS="5")
    shop.wait("False", "GitUnreachable")
    assert "tries again" in shop.ready()[2]
    eventually(lambda: time.monotonic() >= over, OUTAGE_SECONDS + 1, "the outage to be over")
    scene.git.calm()
    scene.git.start()
    shop.wait_file(FIVE)
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})


# Files that are of no concern, or of concern to one object only


def test_a_file_that_cannot_be_read_blocks_its_own_object_only(shared: Shared) -> None:
    files = {"good.yaml": SHOP, "bad.yaml": SHOP}
    shared.git.create_repository("one-bad", files)
    good = attach(shared, "good", "one-bad", path="good.yaml")
    bad = attach(shared, "bad", "one-bad", path="bad.yaml")
    bad.push(b"a: &anchor 1\nb: *anchor\n", "Anchors")
    assert "bad.yaml: line 1, column 4" in bad.wait_stalled("InvalidDocument")
    good.edit(REPLICAS="5")
    good.wait_file(FIVE)
    good.push(FIVE.replace(b"red", b"blue"), "Blue")
    good.wait_arguments(REPLICAS="5", COLOUR="blue")
    good.wait()
    assert_settled(good, {"REPLICAS": "5"})
    assert bad.ready()[1] == "InvalidDocument"
    bad.push(SHOP.replace(b"red", b"green"), "Mended")
    bad.wait_arguments(REPLICAS="2", COLOUR="green")


def test_names_that_other_systems_do_not_like_are_harmless(shared: Shared) -> None:
    names = [
        "con.yaml",
        "aux",
        "NUL.txt",
        "a:b",
        "trailing. ",
        "COM1/x",
        "\u00e9.yaml",
        "e\u0301.yaml",
    ]
    files = {name: name.encode() for name in names}
    shop = link(shared, "named", {"shop.yaml": SHOP, **files}, path="shop.yaml")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    assert {name: shop.file(name) for name in names} == files
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})


def test_a_file_with_such_a_name_is_synced_like_any_other(shared: Shared) -> None:
    shop = link(shared, "device", path="con.yaml")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})


# Who did it


def test_edits_right_after_somebody_else_made_the_object_are_by_who_made_them(
    shared: Shared,
) -> None:
    rights_in(shared.kubectl, shared.namespace, "alice")
    alice = Person("alice", shared.kubectl)
    alice.wait_recorded(link(shared, "earlier"))
    shared.git.create_repository("by-alice", {"shop.yaml": SHOP})
    made = template("by-alice").within(shared.namespace)
    made = made.at(shared.git.url_of("by-alice"), "shop.yaml", account=shared.account)
    shared.kubectl.apply(made.build())  # as the administrator, by server-side apply
    shop = Synced(shared, "by-alice", "by-alice", "shop.yaml")
    shop.wait()
    for number in range(3):
        alice.sets(shop, REPLICAS=str(5 + number))
        shop.wait_file(SHOP.replace(b'"2"', b'"%d"' % (5 + number)))
    shop.wait()
    commits = own_commits(shop)
    assert [commit.author for commit in commits] == [BY_ALICE] * 3
    assert all("Co-authored-by" not in commit.message for commit in commits)
    assert_history(shop)


# Only the lines that must change


def test_ten_edits_touch_exactly_the_lines_that_must_change(shared: Shared) -> None:
    shop = link(shared, "ten")
    values = "3456789012"
    for value in values:
        shop.edit(REPLICAS=value)
        shop.wait_file(SHOP.replace(b'"2"', f'"{value}"'.encode()))
        shop.wait()
    for old, new, commit in zip("2" + values, values, own_commits(shop)[::-1], strict=False):
        assert changed_lines(shared.git.diff("ten", commit.sha)) == [
            f'-  REPLICAS: "{old}"     # how many',
            f'+  REPLICAS: "{new}"     # how many',
        ]
    assert_settled(shop, *({"REPLICAS": value} for value in values))
