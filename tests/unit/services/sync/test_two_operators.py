"""Two operators at once, as after a pause that outlasted the Lease: neither undoes the other's work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sync_world import FILE, SHOP, URL, SyncWorld

BLUE = FILE.replace(b"red", b"blue")


@pytest.fixture
def first(world: SyncWorld) -> SyncWorld:
    return world


@pytest.fixture
def second(first: SyncWorld) -> SyncWorld:
    """Another operator on the same cluster and the same Git server, with a memory of its own."""
    world = SyncWorld()
    world.cluster, world.git = first.cluster, first.git
    world.clock, world.status = first.clock, first.status
    world.restart()
    return world


def a_moment_later(world: SyncWorld) -> None:
    """Less than what counts as fresh."""
    world.clock.advance(0.2)


async def test_a_leader_that_slept_does_not_revert_what_its_follower_committed(
    first: SyncWorld, second: SyncWorld
) -> None:
    first.edit(COLOUR="blue")
    a_moment_later(first)
    await second.reconcile()
    assert first.file() == BLUE
    # It still has the old head in mind.
    a_moment_later(first)
    await first.reconcile()
    assert first.arguments()["COLOUR"] == "blue"
    assert (first.file(), first.commits()) == (BLUE, ["Update shop", "Begin"])
    assert first.ready()[1] == "InStep"


async def test_a_follower_does_not_take_a_listing_from_before_for_news(
    first: SyncWorld, second: SyncWorld
) -> None:
    """Its first listing, made for another Template, is younger than a second but too old."""
    (remote,) = (repository.remote for repository in first.watch._repositories.values())
    await second.watch.head(remote, "main", timedelta(0))
    first.edit(COLOUR="blue")
    a_moment_later(first)
    await first.reconcile()
    a_moment_later(first)
    await second.reconcile()
    assert second.arguments()["COLOUR"] == "blue"
    assert (second.file(), second.commits()) == (BLUE, ["Update shop", "Begin"])


async def test_edits_on_old_knowledge_are_merged_into_the_newest(
    first: SyncWorld, second: SyncWorld
) -> None:
    first.edit(COLOUR="blue")
    a_moment_later(first)
    await second.reconcile()
    first.edit(REPLICAS="5")
    a_moment_later(first)
    await first.reconcile()
    a_moment_later(first)
    await second.reconcile()
    assert first.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    assert first.file() == BLUE.replace(b'"2"', b'"5"')
    assert first.commits() == ["Update shop", "Update shop", "Begin"]


async def test_an_edit_that_is_taken_back_is_not_in_step_with_an_old_head(
    first: SyncWorld, second: SyncWorld
) -> None:
    first.edit(COLOUR="blue")
    a_moment_later(first)
    await second.reconcile()
    first.edit(COLOUR="red")
    a_moment_later(first)
    await first.reconcile()
    assert (first.file(), first.commits()) == (FILE, ["Update shop", "Update shop", "Begin"])


async def test_taking_turns_loses_no_edit_and_makes_one_commit_of_each(
    first: SyncWorld, second: SyncWorld
) -> None:
    for number in range(10):
        first.edit(REPLICAS=str(number))
        for world in (first, second) if number % 3 else (second, first):
            a_moment_later(world)
            await world.reconcile()
        assert first.arguments()["REPLICAS"] == str(number)
    assert len(first.git.log(URL)) == 11


async def test_the_old_leaders_knowledge_costs_a_question_only_when_it_matters(
    first: SyncWorld,
) -> None:
    first.git.operations.clear()
    await first.reconcile(SHOP)
    assert not first.git.operations
