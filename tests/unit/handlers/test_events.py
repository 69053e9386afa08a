"""An event puts its object's key into the queue, unless it shows nothing but our own work."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import kopf
import pytest

from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.metrics import Metrics
from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.template import Template
from ebbflow.handlers.events import Intake
from ebbflow.handlers.workqueue import WorkQueue
from ebbflow.services.schedule import Schedule
from tests.support.memory_cluster import ManualClock

SHOP = Key("Template", "default", "shop")


class Fixture:
    """An intake before a real queue; namespace `elsewhere` belongs to another shard."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.own = OwnWrites()
        self.queue = WorkQueue(Schedule(clock), self.own, Metrics(), clock, Random(1))
        self.intake = Intake(self.queue, lambda namespace: namespace != "elsewhere")
        self.on_template = self.intake.handler(Template)

    async def event(self, change: str | None, version: str, namespace: str = "default") -> None:
        metadata = {"namespace": namespace, "name": "shop", "uid": "u", "resourceVersion": version}
        await self.on_template(type=change, body=kopf.Body({"metadata": metadata}), more=None)

    async def taken(self) -> Key | None:
        """The next key, or None if a worker would have to wait."""
        try:
            async with asyncio.timeout(0):
                return await self.queue.take()
        except TimeoutError:
            return None


@pytest.fixture
async def at() -> Fixture:
    return Fixture()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(None, id="listed"),
        pytest.param("ADDED", id="added"),
        pytest.param("MODIFIED", id="modified"),
        pytest.param("DELETED", id="deleted"),
    ],
)
async def test_every_event_of_an_object_asks_for_a_pass(at: Fixture, change: str | None) -> None:
    await at.event(change, "7")
    assert await at.taken() == SHOP


async def test_an_object_of_another_shard_is_left_to_it(at: Fixture) -> None:
    await at.event("ADDED", "7", namespace="elsewhere")
    assert await at.taken() is None


async def test_a_version_that_we_wrote_makes_no_pass(at: Fixture) -> None:
    at.own.note("u", "7")
    await at.event("MODIFIED", "7")
    assert await at.taken() is None


@pytest.mark.parametrize("seen", [("7", "8", "9"), ("8", "9"), ("7", "8")], ids=str)
async def test_a_foreign_write_between_two_of_ours_makes_a_pass(
    at: Fixture, seen: tuple[str, ...]
) -> None:
    at.own.note("u", "7")
    at.own.note("u", "9")
    for version in seen:
        await at.event("MODIFIED", version)
    assert await at.taken() == SHOP
    assert await at.taken() is None


async def test_a_deletion_makes_a_pass_even_if_the_last_version_was_ours(at: Fixture) -> None:
    at.own.note("u", "7")
    await at.event("DELETED", "7")
    assert await at.taken() == SHOP


async def test_an_object_that_was_made_anew_is_not_taken_for_the_old_one(at: Fixture) -> None:
    at.own.note("another uid", "7")
    await at.event("ADDED", "7")
    assert await at.taken() == SHOP


def test_each_kind_has_a_handler_of_its_own_name(at: Fixture) -> None:
    names: list[Any] = [at.intake.handler(kind).__name__ for kind in (Template, GitAccount)]
    assert names == ["template_event", "gitaccount_event"]
