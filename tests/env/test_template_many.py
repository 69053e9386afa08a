"""Many Templates: several on one file, and many files of one branch edited at once."""

from __future__ import annotations

import functools

from tests.env.conftest import Shared
from tests.support.synced import SHOP, Synced, attach, link

FIVE = SHOP.replace(b'"2"', b'"5"')
FILES = 20
RIVALS = 8


def test_an_edit_through_one_is_one_commit_and_reaches_the_others(shared: Shared) -> None:
    first = link(shared, "one-file")
    others = [attach(shared, f"other-{n}", "one-file") for n in range(3)]
    others[1].edit(REPLICAS="5")
    for each in (first, *others):
        each.wait_arguments(REPLICAS="5", COLOUR="red")
        each.wait_commit(first.head())
        each.look_now()
    assert first.file() == FIVE
    assert first.subjects() == ["Update other-1", "Begin"]


def test_edits_of_different_fields_through_two_objects_are_both_taken(shared: Shared) -> None:
    one = link(shared, "both-a")
    two = attach(shared, "both-b", "both-a")
    one.edit(REPLICAS="5")
    two.edit(COLOUR="blue")
    for each in (one, two):
        each.wait_arguments(REPLICAS="5", COLOUR="blue")
        each.wait()
    assert one.file() == FIVE.replace(b"red", b"blue")
    assert sorted(one.subjects()) == ["Begin", "Update both-a", "Update both-b"]


def test_each_of_many_edits_is_committed_once_beside_a_person_who_pushes(shared: Shared) -> None:
    names = [f"file-{n:02}" for n in range(FILES)]
    shared.git.create_repository("busy", {f"{name}.yaml": SHOP for name in names})
    templates = [attach(shared, n, "busy", path=f"{n}.yaml", ready=False) for n in names]
    for template in templates:
        template.wait()
    for number in range(RIVALS):
        # Right before the server takes a push: the operator's is late, and is made anew.
        shared.git.before_receive(functools.partial(push_beside, shared, number))
    for template in templates:
        template.edit(REPLICAS="5")
    for template in templates:
        template.wait()

    assert all(template.file() == FIVE for template in templates)
    expected = [f"Update {name}" for name in names]
    expected += [f"Beside {number}" for number in range(RIVALS)]
    assert sorted(templates[0].subjects()) == sorted([*expected, "Begin"])
    assert is_linear(shared, templates[0])
    for template in templates:
        template.look_now()
    assert len(templates[0].subjects()) == FILES + RIVALS + 1


def push_beside(shared: Shared, number: int) -> None:
    shared.git.commit("busy", {"notes.txt": f"{number}\n".encode()}, f"Beside {number}")


def is_linear(shared: Shared, template: Synced) -> bool:
    """Whether every commit has the one below it as its only parent."""
    log = shared.git.log(template.repository)
    below = [(commit.sha,) for commit in log[1:]] + [()]
    return [commit.parents for commit in log] == below
