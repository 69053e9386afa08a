"""`deletionPolicy: Delete`: what runs made goes with the Template."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.objects import AccountMissing, Busy, Denied, ObjectError
from ebbflow.domain.run_store import SOURCE_FINALIZER
from ebbflow.domain.runs.queue import queue_key
from ebbflow.services.runs.source_end import PATIENCE
from tests.support.run_stage import SHOP, RunWorld, config_map

DELAY = {"kind": "Delay", "spec": {"duration": "1h"}}


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


async def delete_source(world: RunWorld) -> Any:
    world.cluster.delete(SHOP)
    return await world.one_pass(queue_key(SHOP))


def refusing(error: ObjectError) -> Any:
    return lambda call: error if call.startswith("delete") else None


async def test_what_runs_made_goes_with_the_template(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), config_map("b", v="1"), deletionPolicy="Delete")
    await world.has_run("one")
    assert world.shop().metadata.finalizers == (SOURCE_FINALIZER,)
    assert await delete_source(world) is None
    assert world.objects.names() == []
    assert world.cluster.raw(SHOP) is None
    assert world.announced("ObjectsDeleted") == ["deleted ConfigMap default/a, ConfigMap default/b"]


async def test_by_default_it_stays_and_nothing_holds_the_template(world: RunWorld) -> None:
    world.template(config_map("a", v="1"))
    await world.has_run("one")
    assert world.shop().metadata.finalizers == ()
    await delete_source(world)
    assert world.objects.names() == ["ConfigMap default/a"]
    assert world.cluster.raw(SHOP) is None


async def test_a_changed_mind_lets_the_template_go(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), deletionPolicy="Delete")
    await world.has_run("one")
    world.change(deletionPolicy="Orphan")
    await world.one_pass(queue_key(SHOP))
    assert world.shop().metadata.finalizers == ()


async def test_a_run_under_way_is_stopped_first(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), DELAY, deletionPolicy="Delete")
    await world.has_run("one")
    assert world.phase() == "Waiting"
    assert await delete_source(world) is not None
    assert world.objects.names() == ["ConfigMap default/a"]
    await world.settle()
    assert world.phase() == "Cancelled"
    assert world.objects.names() == []
    assert world.cluster.raw(SHOP) is None


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Denied("robot may not delete; kubectl …", code=403), id="denied"),
        pytest.param(Busy("the API server is busy", code=429), id="busy"),
    ],
)
async def test_what_cannot_be_deleted_now_is_tried_again(
    world: RunWorld, error: ObjectError
) -> None:
    world.template(config_map("a", v="1"), deletionPolicy="Delete")
    await world.has_run("one")
    world.objects.refusals.append(refusing(error))
    assert await delete_source(world) is not None
    assert await world.one_pass(queue_key(SHOP)) is not None
    assert len(world.announced("ObjectsLeft")) == 1
    world.objects.refusals.clear()
    assert await world.one_pass(queue_key(SHOP)) is None
    assert world.objects.names() == []
    assert world.cluster.raw(SHOP) is None


async def test_without_the_account_it_is_given_up_at_once(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), deletionPolicy="Delete")
    await world.has_run("one")
    gone = AccountMissing("there is no ServiceAccount default", code=403)
    world.objects.refusals.append(lambda _: gone)
    assert await delete_source(world) is None
    assert world.cluster.raw(SHOP) is None
    assert world.announced("ObjectsLeft") == [
        "left behind: ConfigMap default/a: there is no ServiceAccount default"
    ]


async def test_in_the_end_it_is_given_up_with_an_event(world: RunWorld) -> None:
    world.template(config_map("a", v="1"), deletionPolicy="Delete")
    await world.has_run("one")
    world.objects.refusals.append(refusing(Denied("robot may not delete", code=403)))
    assert await delete_source(world) is not None
    world.clock.advance(PATIENCE.total_seconds() + 1)
    assert await world.one_pass(queue_key(SHOP)) is None
    assert world.cluster.raw(SHOP) is None
    assert world.announced("ObjectsLeft")[-1].startswith("left behind: ConfigMap default/a")
