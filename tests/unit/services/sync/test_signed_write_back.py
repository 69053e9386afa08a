"""Commits that an account signs: made, and made again after a crash, bit by bit."""

from __future__ import annotations

import pytest

from ebbflow.domain.git import Unreachable
from tests.support import builders
from tests.support.memory_objects import COMMIT
from tests.support.sshserver import new_key, private_text
from tests.support.sync_world import FILE, PATH, URL, SyncWorld

HOSTS = {"ebbflow.dev/hosts": "git.example"}


def put_key(world: SyncWorld) -> None:
    world.cluster.add_secret("default", "signing", {"privateKey": private_text(new_key())}, HOSTS)


@pytest.fixture
async def world() -> SyncWorld:
    world = SyncWorld()
    world.repository(FILE)
    account = builders.git_account("acme").within("default")
    world.cluster.put(account.spec(signing={"secretRef": {"name": "signing"}}).build())
    put_key(world)
    git = {"repository": URL, "path": PATH, "branch": "main"}
    world.template(git={**git, "accountRef": {"name": "acme"}})
    await world.reconcile()
    assert world.ready()[1] == "InStep"
    return world


def newest(world: SyncWorld) -> bytes:
    head = world.git.head(URL)
    assert head is not None
    kind, data = world.git.repositories[URL].objects.found[head]
    assert kind == COMMIT
    return data


def cut() -> None:
    raise Unreachable("the connection was cut")


async def test_an_edit_becomes_a_signed_commit(world: SyncWorld) -> None:
    world.edit(REPLICAS="5")
    await world.reconcile()
    assert b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n " in newest(world)


async def test_a_signed_push_that_never_left_is_made_again_bit_by_bit(world: SyncWorld) -> None:
    world.before_the_next_push(cut)
    world.edit(REPLICAS="5")
    await world.reconcile()
    recorded = world.shop().status.sync.pending_write.commit
    world.clock.advance(3600)
    world.restart()
    await world.reconcile()
    assert world.git.head(URL) == recorded
    assert world.commits() == ["Update shop", "Begin"]


async def test_a_key_that_was_exchanged_meanwhile_makes_one_commit_all_the_same(
    world: SyncWorld,
) -> None:
    world.before_the_next_push(cut)
    world.edit(REPLICAS="5")
    await world.reconcile()
    recorded = world.shop().status.sync.pending_write.commit
    put_key(world)
    world.restart()
    await world.reconcile()
    assert world.git.head(URL) != recorded
    assert world.commits() == ["Update shop", "Begin"]
    assert world.shop().status.sync.pending_write is None
    assert world.ready()[1] == "InStep"


async def test_a_key_that_is_gone_stops_the_edit_and_keeps_it(world: SyncWorld) -> None:
    world.cluster.add_secret("default", "signing", {}, HOSTS)
    world.edit(REPLICAS="5")
    await world.reconcile()
    assert world.ready()[1] == "SecretIncomplete"
    assert world.commits() == ["Begin"]
    put_key(world)
    await world.reconcile()
    assert b'"5"' in world.file()
