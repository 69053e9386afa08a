"""What a commit says: the template of its message, or the annotation, once."""

from __future__ import annotations

import pytest

from ebbflow.domain.commit_message import COMMIT_MESSAGE
from ebbflow.domain.git import Unreachable
from ebbflow.domain.ports import StaleWrite
from tests.support.sync_world import FILE, URL, SyncWorld

TRAILER = "\n\nEbbflow-Object: Template/default/shop\n"


def say(world: SyncWorld, message: str) -> None:
    world.annotate(commit_message=message)


def messages(world: SyncWorld) -> list[str]:
    return [commit.message for commit in world.git.log(URL)][:-1]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param("Scale up for the sale", "Scale up for the sale", id="a-subject"),
        pytest.param("Scale up\n\nThe sale begins.\n", "Scale up\n\nThe sale begins.", id="a-body"),
        pytest.param("Set {name}", "Set {name}", id="word-for-word"),
        pytest.param("a\x00b\x1b[31mc\r\nd", "ab[31mc\nd", id="control-characters-go"),
        pytest.param("x" * 9000, "x" * 4096, id="too-long"),
        pytest.param(" \n ", "Update shop", id="nothing"),
    ],
)
async def test_the_annotation_wins(world: SyncWorld, annotation: str, expected: str) -> None:
    say(world, annotation)
    world.edit(REPLICAS="5")
    await world.reconcile()
    assert messages(world) == [expected + TRAILER]


async def test_a_message_that_holds_a_secret_is_not_written(world: SyncWorld) -> None:
    say(world, "Rotate\n\nnow it is ghp_" + "a" * 36)
    world.edit(REPLICAS="5")
    await world.reconcile()
    assert messages(world) == []
    status, reason, said = world.ready()
    assert (status, reason) == ("False", "SecretInDocument")
    assert said.startswith("the annotation ebbflow.dev/commit-message holds a secret")
    assert "ghp_" not in said
    say(world, "Rotate")
    await world.reconcile()
    assert messages(world) == ["Rotate" + TRAILER]


async def test_the_annotation_is_used_once(world: SyncWorld) -> None:
    say(world, "Scale up")
    world.edit(REPLICAS="5")
    await world.reconcile()
    assert COMMIT_MESSAGE not in world.shop().metadata.annotations
    assert world.shop().status.sync.pending_write is None
    world.edit(REPLICAS="6")
    await world.reconcile()
    assert messages(world) == ["Update shop" + TRAILER, "Scale up" + TRAILER]


async def test_a_push_that_fails_keeps_the_message(world: SyncWorld) -> None:
    say(world, "Scale up")
    world.edit(REPLICAS="5")
    world.before_the_next_push(lambda: world.push(FILE.replace(b"red", b"blue")))
    await world.reconcile()
    assert messages(world)[0] == "Scale up" + TRAILER
    assert COMMIT_MESSAGE not in world.shop().metadata.annotations


async def test_a_crash_after_the_push_uses_it_up_all_the_same(world: SyncWorld) -> None:
    def crash() -> None:
        raise Unreachable("the line went dead")

    say(world, "Scale up")
    world.edit(REPLICAS="5")
    world.after_the_next_push(crash)
    await world.reconcile()
    world.restart()
    await world.reconcile()
    assert messages(world) == ["Scale up" + TRAILER]
    assert COMMIT_MESSAGE not in world.shop().metadata.annotations


async def test_a_message_for_the_next_edit_is_not_lost_by_the_last_one(world: SyncWorld) -> None:
    say(world, "Scale up")
    world.edit(REPLICAS="5")
    world.after_the_next_push(lambda: say(world, "And up again"))
    with pytest.raises(StaleWrite):
        await world.reconcile()
    await world.reconcile()
    assert world.shop().metadata.annotations[COMMIT_MESSAGE] == "And up again"
    world.edit(REPLICAS="6")
    await world.reconcile()
    assert messages(world) == ["And up again" + TRAILER, "Scale up" + TRAILER]
