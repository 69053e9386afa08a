"""Watches of what runs wait for: shared, resumed, closed, and done without where denied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.discovery import Discovery
from ebbflow.adapters.kube.made_objects import FIRST_PAUSE, LINGER, LONGEST_PAUSE, MadeObjects
from ebbflow.adapters.kube.object_stream import METADATA_ONLY
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import Key
from ebbflow.domain.objects import OWNER_LABEL, Account, ObjectId
from tests.support.fake_kube_api import FakeApi, Reply, Request, refusal
from tests.support.memory_cluster import ManualClock
from tests.support.waiting import soon

KINDS = {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}
WORKER = Account("shop", "worker")
RUN, OTHER = Key("Run", "shop", "r1"), Key("Run", "shop", "r2")


class Stage:
    """A scripted API server, and the watches under test."""

    def __init__(self, api: FakeApi, client: KubeClient, most: int = 4) -> None:
        self.api = api
        self.streams: list[asyncio.Queue[Any]] = []
        self.refuse: Reply | None = None
        self.woken: asyncio.Queue[Key] = asyncio.Queue()
        self.slept: list[float] = []
        self.wait = asyncio.Event()
        api.otherwise = self._answer
        self.watch = MadeObjects(
            client,
            Discovery(client, ManualClock()),
            SystemNamespaces(["ebbflow-system"]),
            self.woken.put_nowait,
            sleep=self._sleep,
            most=most,
        )

    def _answer(self, request: Request) -> Reply:
        if "watch" not in request.query:
            return (200, KINDS)
        if self.refuse is not None:
            return self.refuse
        self.streams.append(asyncio.Queue())
        return (200, self.streams[-1])

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.wait.wait()
        await asyncio.sleep(0)

    @property
    def asked(self) -> list[Request]:
        return [request for request in self.api.requests if "watch" in request.query]

    def say(self, name: str, version: str, type_: str = "MODIFIED", stream: int = -1) -> None:
        metadata = {"name": name, "resourceVersion": version}
        self.streams[stream].put_nowait({"type": type_, "object": {"metadata": metadata}})

    async def next(self) -> Key:
        return await asyncio.wait_for(self.woken.get(), 10)


@pytest.fixture
async def stage(api: FakeApi, client: KubeClient) -> AsyncIterator[Stage]:
    made = Stage(api, client)
    yield made
    for stream in made.streams:
        stream.put_nowait(None)
    await made.watch.close()


def target(name: str = "a", namespace: str = "shop") -> ObjectId:
    return ObjectId("", "ConfigMap", namespace, name, "v1")


async def test_a_watch_goes_as_the_tenant_and_asks_for_names_only(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target()])
    assert await stage.next() == RUN
    (asked,) = stage.asked
    assert asked.path == "/api/v1/namespaces/shop/configmaps"
    assert asked.query["labelSelector"] == OWNER_LABEL
    assert asked.headers["Impersonate-User"] == "system:serviceaccount:shop:worker"
    assert asked.headers["Accept"] == METADATA_ONLY


async def test_all_who_wait_for_a_kind_share_one_watch(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target("a"), target("b")])
    stage.watch.follow(OTHER, WORKER, [target("b")])
    assert {await stage.next(), await stage.next()} == {RUN, OTHER}
    stage.say("nobody waits for this", "3")
    stage.say("a", "4")
    assert await stage.next() == RUN
    stage.say("a", "4")  # seen already
    stage.say("b", "5")
    assert {await stage.next(), await stage.next()} == {RUN, OTHER}
    assert len(stage.asked) == 1


async def test_accounts_and_namespaces_do_not_share(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target(), target(namespace="other")])
    stage.watch.follow(OTHER, Account("shop", "second"), [target()])
    for _ in range(3):
        await stage.next()
    assert stage.watch.open == 3


async def test_an_object_of_others_is_watched_by_its_name(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target("disk")], made=False)
    await stage.next()
    assert stage.asked[0].query["fieldSelector"] == "metadata.name=disk"


async def test_who_joins_a_watch_in_place_is_woken_once(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target()])
    await stage.next()
    stage.watch.follow(OTHER, WORKER, [target("b")])
    assert await stage.next() == OTHER
    stage.watch.follow(OTHER, WORKER, [target("b")])
    assert stage.woken.empty()


async def test_a_watch_goes_on_where_it_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebbflow.adapters.kube.made_objects.SHORTEST_WATCH", 0.0)
    stage.watch.follow(RUN, WORKER, [target()])
    await stage.next()
    stage.say("", "9", "BOOKMARK")
    stage.streams[0].put_nowait(None)
    await soon(lambda: len(stage.streams) == 2, 10, "a second watch")
    assert stage.asked[1].query["resourceVersion"] == "9"
    stage.say("a", "10")
    assert await stage.next() == RUN
    assert stage.slept == []


async def test_a_watch_that_expired_begins_anew(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target()])
    await stage.next()
    stage.say("a", "9")
    await stage.next()
    stage.streams[0].put_nowait({"type": "ERROR", "object": {"kind": "Status", "code": 410}})
    stage.streams[0].put_nowait(None)
    stage.wait.set()
    await soon(lambda: len(stage.streams) == 2, 10, "a second watch")
    assert "resourceVersion" not in stage.asked[1].query
    assert await stage.next() == RUN


@pytest.mark.parametrize("code", [403, 404, 405, 500])
async def test_without_a_watch_who_waits_is_woken_less_and_less_often(
    stage: Stage, code: int
) -> None:
    stage.refuse = refusal(code, "no")
    stage.wait.set()
    stage.watch.follow(RUN, WORKER, [target()])
    for _ in range(7):
        assert await stage.next() == RUN
    pauses = [FIRST_PAUSE * 2**n for n in range(4)]
    assert stage.slept[:6] == [*pauses, LONGEST_PAUSE, LONGEST_PAUSE]
    stage.refuse = None
    await soon(lambda: bool(stage.streams), 10, "a watch")


async def test_a_watch_that_ends_at_once_is_not_asked_for_in_a_rush(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target()])
    await stage.next()
    stage.streams[0].put_nowait(None)
    await soon(lambda: bool(stage.slept), 10, "a pause")
    assert stage.slept == [FIRST_PAUSE]
    assert len(stage.asked) == 1


async def test_a_watch_that_nobody_needs_is_closed_after_a_while(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target("a"), target("b")])
    await stage.next()
    stage.watch.follow(RUN, WORKER, [target("b")])
    assert stage.slept == []
    stage.watch.forget(RUN)
    await soon(lambda: stage.slept == [LINGER], 10, "it to linger")
    assert stage.watch.open == 1
    stage.wait.set()
    await soon(lambda: stage.watch.open == 0, 10, "the end of the watch")


async def test_a_watch_that_is_needed_again_in_time_stays(stage: Stage) -> None:
    stage.watch.follow(RUN, WORKER, [target()])
    await stage.next()
    stage.watch.forget(RUN)
    await soon(lambda: stage.slept == [LINGER], 10, "it to linger")
    stage.watch.follow(OTHER, WORKER, [target()])
    stage.wait.set()
    assert await stage.next() == OTHER
    stage.say("a", "3")
    assert await stage.next() == OTHER
    assert len(stage.asked) == 1


async def test_past_the_most_watches_waiting_is_by_time(api: FakeApi, client: KubeClient) -> None:
    stage = Stage(api, client, most=1)
    stage.watch.follow(RUN, WORKER, [target()])
    await stage.next()
    stage.watch.follow(OTHER, WORKER, [target(namespace="other")])
    stage.wait.set()
    assert await stage.next() == OTHER
    assert len(stage.asked) == 1
    stage.streams[0].put_nowait(None)
    await stage.watch.close()


async def test_accounts_of_the_system_are_never_watched_as(stage: Stage) -> None:
    stage.watch.follow(RUN, Account("kube-system", "default"), [target()])
    stage.watch.follow(OTHER, WORKER, [target(namespace="kube-system")])
    stage.wait.set()
    assert {await stage.next(), await stage.next()} == {RUN, OTHER}
    assert stage.api.requests == []
