"""The admission server over real TLS: what it answers, what it refuses, and how it comes and goes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ebbflow.adapters.admission.credentials import Credentials
from ebbflow.adapters.admission.plan import plan
from ebbflow.adapters.admission.receiver import AdmissionReceiver
from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.kube.webhook import Entry, Service, Url
from ebbflow.domain.ports import ClusterError
from ebbflow.settings import Address, Settings
from tests.support.reviews import as_body, committed, patched, review, shop
from tests.support.waiting import soon

OLD = committed(shop({"a": 1}))
REVIEW = as_body(review("alice", shop({"a": 2}), OLD))
JSON = {"Content-Type": "application/json"}


class MemoryStore:
    """Keeps values; `failure` is raised instead of an answer."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.failure: Exception | None = None

    async def bring(self, change: Callable[[Any], Any]) -> dict[str, str]:
        if self.failure is not None:
            raise self.failure
        self.values = dict(change(self.values))
        return self.values


class MemoryRegistration:
    """Keeps entries by their names."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.failure: Exception | None = None

    async def put(self, entry: Entry) -> bool:
        if self.failure is not None:
            raise self.failure
        written = self.entries.get(entry.name) != entry
        self.entries[entry.name] = entry
        return written

    async def remove(self, entry: Entry) -> bool:
        if self.entries.get(entry.name) != entry:
            return False
        del self.entries[entry.name]
        return True


class CountedReviews:
    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.up = False

    def admission_review(self, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.outcomes.append(outcome)

    def admission_up(self, up: bool) -> None:
        self.up = up


class World:
    """One receiver with its store and registration, and a client that trusts as the API server."""

    def __init__(self) -> None:
        self.store, self.registration = MemoryStore(), MemoryRegistration()
        self.metrics = CountedReviews()
        self.known: list[Credentials] = []

    def receiver(self, address: Address | None = None, **environ: str) -> AdmissionReceiver:
        # A pod's own default is a fixed port.
        address = address or (Address("127.0.0.1", 0) if environ else None)
        settings = Settings("me", Path("unused"), admission_address=address)
        return AdmissionReceiver(
            plan(settings, environ, "ebbflow-operator", lambda _: True, "ebbflow"),
            self.store,
            self.registration,
            self.whoami,
            self.known.append,
            SystemClock(),
            self.metrics,
            check_seconds=0.05,
        )

    async def whoami(self) -> str:
        return "system:serviceaccount:ebbflow-system:ebbflow"

    @property
    def entry(self) -> Entry:
        (entry,) = self.registration.entries.values()
        return entry

    @property
    def url(self) -> str:
        assert isinstance(self.entry.endpoint, Url)
        return self.entry.endpoint.url + self.entry.path

    async def post(self, body: bytes, url: str = "", headers: dict[str, str] = JSON) -> Any:
        trusted = ssl.create_default_context(cadata=self.entry.authorities)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url or self.url, data=body, headers=headers, ssl=trusted) as response,
        ):
            text = await response.text()
            return response.status, json.loads(text) if response.status == 200 else text


@asynccontextmanager
async def running(*work: Awaitable[None]) -> AsyncIterator[list[asyncio.Future[None]]]:
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield tasks
    finally:
        for task in reversed(tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with AsyncExitStack() as stack:
        receiver = made.receiver()
        await stack.enter_async_context(running(receiver.run(), receiver.lead()))
        await soon(lambda: bool(made.registration.entries), 5, "the webhook")
        yield made


async def test_a_review_is_answered_with_a_record(world: World) -> None:
    status, answer = await world.post(REVIEW)
    assert status == 200
    assert (
        "alice"
        in patched(shop({"a": 2}), answer)["metadata"]["annotations"]["ebbflow.dev/edited-by"]
    )
    assert world.metrics.outcomes == ["recorded"]


async def test_a_review_of_two_large_objects_is_answered(world: World) -> None:
    big = {"a": "x" * 1_500_000}
    body = as_body(review("alice", shop(big | {"b": 1}), committed(shop(big))))
    status, answer = await world.post(body)
    assert (status, "patch" in answer["response"]) == (200, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"{", 400, id="cut-off"),
        pytest.param(b'{"kind": "Pod"}', 400, id="no-review"),
        pytest.param(b"\xff\xfe\x00", 400, id="not-text"),
        pytest.param(b" " * (9 * 1024 * 1024), 413, id="9-MiB"),
    ],
)
async def test_what_is_no_review_is_refused_and_the_next_one_answered(
    world: World, body: bytes, status: int
) -> None:
    try:
        seen, _ = await world.post(body)
    except aiohttp.ClientOSError:
        seen = 413  # the connection was closed over a body that nobody reads to its end
    assert seen == status
    assert (await world.post(REVIEW))[0] == 200


async def test_another_content_type_is_refused(world: World) -> None:
    assert (await world.post(REVIEW, headers={"Content-Type": "text/plain"}))[0] == 415


@pytest.mark.parametrize(
    "path",
    ["/", "/admission/mutate", "/admission/mutate/", "/admission/mutate/" + "0" * 32, "/x/%ff"],
)
async def test_who_does_not_know_the_path_gets_no_record(world: World, path: str) -> None:
    assert isinstance(world.entry.endpoint, Url)
    assert (await world.post(REVIEW, world.entry.endpoint.url + path))[0] == 404
    assert world.metrics.outcomes == []


async def test_a_get_is_refused(world: World) -> None:
    trusted = ssl.create_default_context(cadata=world.entry.authorities)
    async with aiohttp.ClientSession() as session, session.get(world.url, ssl=trusted) as response:
        assert response.status == 405


async def test_many_reviews_at_once_are_all_answered(world: World) -> None:
    answers = await asyncio.gather(*(world.post(REVIEW) for _ in range(40)))
    assert {status for status, _ in answers} == {200}


async def test_a_removed_or_changed_registration_is_repaired(world: World) -> None:
    entry = world.entry
    world.registration.entries.clear()
    await soon(lambda: world.registration.entries == {entry.name: entry}, 5, "the repair")


async def test_lost_credentials_are_made_anew_and_registered(world: World) -> None:
    before = world.entry
    world.store.values = {}
    await soon(lambda: world.entry.authorities != before.authorities, 5, "new credentials")
    assert (await world.post(REVIEW))[0] == 200
    assert world.entry.path != before.path
    assert len(world.known) == 2


@pytest.mark.parametrize(
    ("environ", "left"),
    [
        pytest.param({}, 0, id="an-address"),
        pytest.param({"POD_NAMESPACE": "ebbflow-system"}, 1, id="a-service"),
    ],
)
async def test_a_clean_end_takes_an_address_out_and_leaves_a_service(
    environ: dict[str, str], left: int
) -> None:
    made = World()
    receiver = made.receiver(**environ)
    async with running(receiver.run(), receiver.lead()):
        await soon(lambda: made.metrics.up, 5, "it to be up")
        assert len(made.registration.entries) == 1
    assert len(made.registration.entries) == left


async def test_in_a_pod_it_is_found_by_its_service() -> None:
    made = World()
    receiver = made.receiver(POD_NAMESPACE="ops", ADMISSION_SERVICE="flow-admission")
    async with running(receiver.run(), receiver.lead()):
        await soon(lambda: made.metrics.up, 5, "it to be up")
        assert made.entry.endpoint == Service("ops", "flow-admission", 9443)
        assert made.entry.name == "ebbflow-operator.ops.ebbflow.dev"


async def test_a_standby_serves_and_does_not_register() -> None:
    made = World()
    receiver = made.receiver()
    async with running(receiver.run()):
        await soon(lambda: made.metrics.up, 5, "it to be up")
        assert receiver.record_key() is not None
        assert (made.registration.entries, receiver.problems()) == ({}, [])


async def test_a_replica_that_takes_over_registers_its_own_address() -> None:
    made = World()
    first, second = made.receiver(), made.receiver()
    async with running(first.run(), second.run()):
        async with running(first.lead()):
            await soon(lambda: bool(made.registration.entries), 5, "the first one")
            before = made.entry
        async with running(second.lead()):
            await soon(lambda: bool(made.registration.entries), 5, "the second one")
            assert made.entry.endpoint != before.endpoint
            assert made.entry.path == before.path
            assert (await made.post(REVIEW))[0] == 200
    assert first.record_key() == second.record_key()


async def test_a_taken_address_is_no_reason_to_end(caplog: pytest.LogCaptureFixture) -> None:
    made = World()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        receiver = made.receiver(Address("127.0.0.1", taken.getsockname()[1]))
        async with running(receiver.run(), receiver.lead()) as tasks:
            await receiver.prepared()
            await soon(lambda: not receiver.problems(), 5, "the first try")
            assert not tasks[0].done()
    assert receiver.record_key() is not None
    assert not made.metrics.up
    assert "choose another with --admission-address" in caplog.text


async def test_an_api_server_that_refuses_is_no_reason_to_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = World()
    made.store.failure = ClusterError("cannot get secrets: forbidden", code=403)
    receiver = made.receiver()
    async with running(receiver.run(), receiver.lead()):
        await receiver.prepared()
        await soon(lambda: not receiver.problems(), 5, "the first try")
        assert receiver.record_key() is None
    assert "authors are unresolved: cannot get secrets: forbidden" in caplog.text


async def test_whatever_goes_wrong_is_no_reason_to_end() -> None:
    made = World()
    made.registration.failure = RuntimeError("unexpected")
    receiver = made.receiver()
    async with running(receiver.run(), receiver.lead()) as tasks:
        await soon(lambda: receiver.record_key() is not None, 5, "the credentials")
        await soon(lambda: not receiver.problems(), 5, "the first try")
        assert not tasks[0].done()
