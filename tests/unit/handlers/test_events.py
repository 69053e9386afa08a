"""An event puts its object's key into the queue, unless it shows nothing but our own work."""

from __future__ import annotations

from random import Random
from typing import Any

import kopf
import pytest

from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.metrics import Metrics
from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.run import RUN_FINALIZER, Run
from ebbflow.api.template import Template
from ebbflow.handlers.events import Intake
from ebbflow.handlers.run import is_under_way, queue_of
from ebbflow.handlers.workqueue import WorkQueue
from ebbflow.services.schedule import Schedule
from ebbflow.services.sync.first_sights import FirstSights
from tests.support.memory_cluster import ManualClock
from tests.unit.handlers.taken import taken

SOURCE = {"kind": "Template", "name": "shop"}
RUN, QUEUE = Key("Run", "default", "r"), Key("RunQueue", "default", "shop")
SHOP = Key("Template", "default", "shop")


class Fixture:
    """An intake before a real queue; namespace `elsewhere` belongs to another shard."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.own = OwnWrites()
        self.queue = WorkQueue(Schedule(clock), self.own, Metrics(), clock, Random(1))
        self.intake = Intake(self.queue, lambda namespace: namespace != "elsewhere", FirstSights())
        self.on_template = self.intake.handler(Template)
        self.on_run = self.intake.handler(Run, queue_of)

    async def event(self, change: str | None, version: str, namespace: str = "default") -> None:
        metadata = {"namespace": namespace, "name": "shop", "uid": "u", "resourceVersion": version}
        await self.on_template(type=change, body=kopf.Body({"metadata": metadata}), more=None)

    async def run_event(self, change: str | None, version: str, source: object = SOURCE) -> None:
        metadata = {"namespace": "default", "name": "r", "uid": "u", "resourceVersion": version}
        body = {"metadata": metadata, "spec": {"source": source}}
        await self.on_run(type=change, body=kopf.Body(body), more=None)

    async def all_taken(self) -> list[Key]:
        keys = []
        while (key := await taken(self.queue)) is not None:
            keys.append(key)
        return keys


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
    assert await taken(at.queue) == SHOP


async def test_an_object_of_another_shard_is_left_to_it(at: Fixture) -> None:
    await at.event("ADDED", "7", namespace="elsewhere")
    assert await taken(at.queue) is None


async def test_a_version_that_we_wrote_makes_no_pass(at: Fixture) -> None:
    at.own.note("u", "7")
    await at.event("MODIFIED", "7")
    assert await taken(at.queue) is None


@pytest.mark.parametrize("seen", [("7", "8", "9"), ("8", "9"), ("7", "8")], ids=str)
async def test_a_foreign_write_between_two_of_ours_makes_a_pass(
    at: Fixture, seen: tuple[str, ...]
) -> None:
    at.own.note("u", "7")
    at.own.note("u", "9")
    for version in seen:
        await at.event("MODIFIED", version)
    assert await taken(at.queue) == SHOP
    assert await taken(at.queue) is None


async def test_a_deletion_makes_a_pass_even_if_the_last_version_was_ours(at: Fixture) -> None:
    at.own.note("u", "7")
    await at.event("DELETED", "7")
    assert await taken(at.queue) == SHOP


async def test_an_object_that_was_made_anew_is_not_taken_for_the_old_one(at: Fixture) -> None:
    at.own.note("another uid", "7")
    await at.event("ADDED", "7")
    assert await taken(at.queue) == SHOP


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(None, id="listed"),
        pytest.param("ADDED", id="added"),
        pytest.param("MODIFIED", id="modified"),
        pytest.param("DELETED", id="deleted"),
    ],
)
async def test_an_event_of_a_run_wakes_its_parents_queue_too(
    at: Fixture, change: str | None
) -> None:
    await at.run_event(change, "7")
    assert await at.all_taken() == [RUN, QUEUE]


async def test_an_event_that_overtakes_the_answer_to_our_write_makes_no_pass(at: Fixture) -> None:
    with at.own.writing("u"):
        await at.event("MODIFIED", "7")
        assert await taken(at.queue) is None
        at.own.note("u", "7")
    assert await taken(at.queue) is None


async def test_a_foreign_event_while_we_write_makes_a_pass_after_it(at: Fixture) -> None:
    with at.own.writing("u"):
        await at.event("MODIFIED", "6")
        at.own.note("u", "7")
    assert await taken(at.queue) == SHOP


@pytest.mark.parametrize(
    ("source", "finalizers", "phase", "wakes"),
    [
        pytest.param(SOURCE, [], None, [QUEUE], id="not-taken-in-yet"),
        pytest.param(SOURCE, [RUN_FINALIZER], None, [RUN, QUEUE], id="taken-in"),
        pytest.param(SOURCE, [RUN_FINALIZER], "Queued", [QUEUE], id="waits-for-its-turn"),
        pytest.param(SOURCE, [], "Running", [RUN, QUEUE], id="cut-short-before-it-was-held"),
        pytest.param(SOURCE, [], "Succeeded", [QUEUE], id="let-go"),
        pytest.param({"kind": "Preview", "name": "p"}, [], None, [RUN], id="of-what-has-no-queue"),
    ],
)
async def test_a_run_is_only_looked_at_while_its_parents_queue_holds_it(
    at: Fixture, source: object, finalizers: list[str], phase: str | None, wakes: list[Key]
) -> None:
    metadata = {"namespace": "default", "name": "r", "uid": "u", "resourceVersion": "7"}
    status = {"phase": phase} if phase else {}
    meta = {**metadata, "finalizers": finalizers}
    body = {"metadata": meta, "spec": {"source": source}, "status": status}
    on_run = at.intake.handler(Run, queue_of, is_under_way)
    await on_run(type="ADDED", body=kopf.Body(body), more=None)
    assert await at.all_taken() == wakes


@pytest.mark.parametrize(
    ("answered", "wakes"),
    [
        pytest.param(None, [RUN, QUEUE], id="no-answer-yet"),
        pytest.param("one", [RUN, QUEUE], id="another-answer"),
        pytest.param("two", [QUEUE], id="answered"),
    ],
)
async def test_a_run_that_was_let_go_is_looked_at_when_somebody_asks_for_it(
    at: Fixture, answered: str | None, wakes: list[Key]
) -> None:
    metadata = {"namespace": "default", "name": "r", "uid": "u", "resourceVersion": "7"}
    meta = {**metadata, "annotations": {"ebbflow.dev/requested-at": "two"}}
    status = {"phase": "Succeeded", **({"lastHandledRequestedAt": answered} if answered else {})}
    body = {"metadata": meta, "spec": {"source": SOURCE}, "status": status}
    on_run = at.intake.handler(Run, queue_of, is_under_way)
    await on_run(type="MODIFIED", body=kopf.Body(body), more=None)
    assert await at.all_taken() == wakes


async def test_a_run_that_we_wrote_wakes_nobody(at: Fixture) -> None:
    at.own.note("u", "7")
    await at.run_event("MODIFIED", "7")
    assert await at.all_taken() == []


async def test_a_run_that_went_with_our_own_write_wakes_both(at: Fixture) -> None:
    at.own.note("u", "7")
    await at.run_event("MODIFIED", "7")
    await at.run_event("DELETED", "7")
    assert await at.all_taken() == [RUN, QUEUE]


async def test_events_of_many_runs_make_one_pass_over_their_queue(at: Fixture) -> None:
    for version in ("7", "8", "9"):
        await at.run_event("MODIFIED", version)
    assert await at.all_taken() == [RUN, QUEUE]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"kind": "Preview", "name": "shop"}, id="of a kind without a queue"),
        pytest.param({"kind": "Template"}, id="without a name"),
        pytest.param(None, id="without a source"),
    ],
)
async def test_a_run_of_no_template_wakes_no_queue(at: Fixture, source: object) -> None:
    await at.run_event("ADDED", "7", source)
    assert await at.all_taken() == [RUN]


def test_each_kind_has_a_handler_of_its_own_name(at: Fixture) -> None:
    names: list[Any] = [at.intake.handler(kind).__name__ for kind in (Template, GitAccount, Run)]
    assert names == ["template_event", "gitaccount_event", "run_event"]


@pytest.mark.parametrize("ours", [pytest.param(True, id="ours"), pytest.param(False, id="another")])
async def test_the_event_of_a_run_that_is_being_made_waits_for_the_answer(
    at: Fixture, ours: bool
) -> None:
    with at.own.writing(str(RUN)):
        await at.run_event("ADDED", "8")
        assert await at.all_taken() == []
        at.own.note("u", "8" if ours else "9")
    assert (QUEUE in await at.all_taken()) is not ours
