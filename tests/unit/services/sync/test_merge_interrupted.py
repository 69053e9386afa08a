"""A merge whose commit was not made at once: the object holds Git's half already."""

from __future__ import annotations

import contextlib

from ebbflow.domain.git import Unreachable
from ebbflow.domain.ports import ClusterError, StaleWrite
from tests.support.sync_world import FILE, SHOP, SyncWorld

BLUE = FILE.replace(b"red", b"blue")


def cut() -> None:
    raise Unreachable("the connection was cut")


async def test_what_a_merge_took_from_git_is_no_edit_of_the_object(world: SyncWorld) -> None:
    world.push_seen(BLUE)
    world.edit(REPLICAS="5")
    world.before_the_next_push(cut)
    await world.reconcile()
    assert world.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    world.push(FILE)  # blue was not meant
    world.clock.advance(61)
    await world.reconcile()
    assert world.arguments() == {"REPLICAS": "5", "COLOUR": "red"}
    assert world.file() == FILE.replace(b'"2"', b'"5"')


async def test_a_value_that_git_changes_again_is_in_no_conflict_with_the_merge(
    world: SyncWorld,
) -> None:
    world.push_seen(BLUE)
    world.edit(REPLICAS="5")
    world.before_the_next_push(lambda: world.push(FILE.replace(b"red", b"green")))
    await world.reconcile()
    assert world.arguments() == {"REPLICAS": "5", "COLOUR": "green"}
    assert world.ready()[1] == "InStep"


async def test_two_operators_do_not_mix_the_document_of_one_head_with_the_base_of_another(
    world: SyncWorld,
) -> None:
    second = SyncWorld()
    second.cluster, second.git = world.cluster, world.git
    second.clock, second.status = world.clock, world.status
    second.restart()
    world.push_seen(BLUE)
    world.clock.advance(0.2)
    world.push(FILE + b"# red again\n")
    world.clock.advance(2)
    newer = await second.service.reconcile(SHOP)  # in step with the newest, and not yet reported
    await world.reconcile()  # still knows the older head, and takes blue
    assert newer is not None
    with contextlib.suppress(StaleWrite):
        await second.status.write(newer)
    world.clock.advance(61)
    await second.reconcile()
    await second.reconcile()
    assert second.arguments()["COLOUR"] == "red"
    assert second.file() == FILE + b"# red again\n"


async def test_what_was_taken_before_a_crash_is_no_edit_of_the_object(world: SyncWorld) -> None:
    world.push_seen(BLUE)
    world.cluster.fail_at("apply status", ClusterError("gone", code=503))
    with contextlib.suppress(ClusterError):
        await world.reconcile()
    assert world.arguments()["COLOUR"] == "blue"
    world.restart()
    world.push(FILE + b"# blue was not meant\n")
    await world.reconcile()
    assert world.arguments()["COLOUR"] == "red"
    assert world.file() == FILE + b"# blue was not meant\n"
