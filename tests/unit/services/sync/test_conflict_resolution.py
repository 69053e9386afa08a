"""A conflict ends when a person says by annotation which side wins; the annotation is used once."""

from __future__ import annotations

import pytest

from ebbflow.domain.git import Unreachable
from ebbflow.domain.sync import RESOLVE
from tests.support.sync_world import FILE, PATH, URL, SyncWorld

BLUE = FILE.replace(b"red", b"blue")


@pytest.fixture
async def world(world: SyncWorld) -> SyncWorld:
    """Both sides changed REPLICAS, and each something that the other did not."""
    world.edit(REPLICAS="5", MORE="yes")
    world.push_seen(BLUE.replace(b'"2"', b'"7"'))
    await world.reconcile()
    assert world.ready()[:2] == ("False", "Conflict")
    return world


@pytest.mark.parametrize(("side", "replicas"), [("git", "7"), ("cluster", "5")])
async def test_the_side_wins_where_they_conflict_and_nothing_else_is_lost(
    world: SyncWorld, side: str, replicas: str
) -> None:
    world.annotate(resolve=side)
    await world.reconcile()
    assert world.arguments() == {"REPLICAS": replicas, "COLOUR": "blue", "MORE": "yes"}
    assert f'REPLICAS: "{replicas}"     # how many'.encode() in world.file()
    assert world.ready()[1] == "InStep"
    assert world.shop().status.sync.conflicts is None
    assert RESOLVE not in world.shop().metadata.annotations


async def test_the_message_says_how(world: SyncWorld) -> None:
    assert "annotate ebbflow.dev/resolve=git or =cluster" in world.ready()[2]


@pytest.mark.parametrize("side", ["both", "", "Git"])
async def test_any_other_word_resolves_nothing_and_is_shown(world: SyncWorld, side: str) -> None:
    world.annotate(resolve=side)
    await world.reconcile()
    assert world.ready()[:2] == ("False", "Conflict")
    assert repr(side) in world.ready()[2]


async def test_the_next_conflict_is_a_conflict_again(world: SyncWorld) -> None:
    world.annotate(resolve="git")
    await world.reconcile()
    world.edit(REPLICAS="8")
    world.push_seen(world.file().replace(b'"7"', b'"9"'))
    await world.reconcile()
    assert world.ready()[:2] == ("False", "Conflict")


async def test_a_branch_that_moves_meanwhile_does_not_bring_the_conflict_back(
    world: SyncWorld,
) -> None:
    world.annotate(resolve="cluster")
    world.before_the_next_push(lambda: world.push(world.file() + b"# more\n"))
    await world.reconcile()
    assert world.arguments()["REPLICAS"] == "5"
    assert world.file().endswith(b"# more\n")
    assert world.ready()[1] == "InStep"
    assert RESOLVE not in world.shop().metadata.annotations


async def test_whoever_goes_on_in_git_meanwhile_is_not_overruled_by_what_he_had_not_seen(
    world: SyncWorld,
) -> None:
    """The resolution was about "7"; "9" is another edit, and comes out as a conflict of its own."""
    world.annotate(resolve="cluster")
    world.before_the_next_push(lambda: world.push(world.file().replace(b'"7"', b'"9"')))
    await world.reconcile()
    assert world.ready()[:2] == ("False", "Conflict")
    (conflict,) = world.shop().status.sync.conflicts
    assert (conflict.path, conflict.cluster, conflict.git) == ("arguments.REPLICAS", "5", "9")


async def test_a_crash_after_the_push_uses_the_annotation_up(world: SyncWorld) -> None:
    def crash() -> None:
        raise Unreachable("the line went dead")

    world.annotate(resolve="cluster")
    world.after_the_next_push(crash)
    await world.reconcile()
    world.restart()
    await world.reconcile()
    assert world.ready()[1] == "InStep"
    assert RESOLVE not in world.shop().metadata.annotations


async def test_without_the_base_the_whole_side_wins(world: SyncWorld) -> None:
    world.git.rewrite_history(URL, {PATH: world.file()})
    world.restart()
    await world.reconcile()
    assert "no longer to be had" in world.ready()[2]
    world.annotate(resolve="git")
    await world.reconcile()
    assert world.arguments() == {"REPLICAS": "7", "COLOUR": "blue"}
    assert RESOLVE not in world.shop().metadata.annotations
