"""Whom a Run names that an update of a document starts."""

from __future__ import annotations

from ebbflow.domain.git import Unreachable
from tests.support.memory_git import AUTHOR
from tests.support.sync_world import FILE, PATH, URL, SyncWorld

BO = "Bo Other <bo@example.com>"
CHANGED = FILE.replace(b'"2"', b'"3"')


async def look_again(world: SyncWorld) -> None:
    """Make a pass that asks Git where the branch is now."""
    world.clock.advance(1)
    world.annotate(requested_at="now")
    await world.reconcile()


async def test_a_commit_names_its_author_whoever_edited_the_object_before(world: SyncWorld) -> None:
    world.edit_by("alice", REPLICAS="5")
    await world.reconcile()
    world.git.commit(URL, {PATH: CHANGED}, author=BO)
    await look_again(world)
    assert world.updates.makers == [AUTHOR, "alice", BO]
    assert world.shop().status.sync.last_editor == "alice"


async def test_an_edit_of_nobody_known_names_nobody(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await world.reconcile()
    assert world.updates.makers == [AUTHOR, None]


async def test_commits_that_came_at_once_name_nobody(world: SyncWorld) -> None:
    world.git.commit(URL, {PATH: CHANGED}, author=BO)
    world.git.commit(URL, {"README.md": b"unrelated"})
    await look_again(world)
    assert world.updates.makers == [AUTHOR, None]


async def test_an_edit_whose_push_was_cut_off_still_names_its_editor(world: SyncWorld) -> None:
    def cut() -> None:
        raise Unreachable("the connection was cut")

    world.edit_by("alice", REPLICAS="5")
    world.after_the_next_push(cut)
    await world.reconcile()
    assert world.ready()[1] == "GitUnreachable"
    world.restart()
    await world.reconcile()
    assert world.updates.makers == [AUTHOR, "alice"]


async def test_without_git_nobody_is_named() -> None:
    world = SyncWorld()
    world.template({"apiVersion": "ebbflow.dev/v1"}, git=None)
    await world.reconcile()
    assert world.updates.makers == [None]
