"""The receiver over real connections: what it answers, what it refuses, and what it can cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Self

import aiohttp
import pytest

from ebbflow.adapters.probes import CannotListen
from ebbflow.adapters.receiver.bodies import Room
from ebbflow.adapters.receiver.server import WebhookServer
from ebbflow.domain.webhooks.delivery import Delivery
from ebbflow.domain.webhooks.exchange import MAX_BODY, Answer, RunCall, said
from ebbflow.domain.webhooks.rates import Rate
from ebbflow.settings import Address
from tests.support.memory_cluster import ManualClock

LOOPBACK = Address("127.0.0.1", 0)
GIT = "/hooks/git/team.acme"
RUN = "/hooks/run/team/GitTrigger/deploy"
JSON = {"Content-Type": "application/json"}


class Recorder:
    """Answers everything, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Delivery] | RunCall] = []
        self.counted: list[tuple[str, str]] = []
        self.failure: Exception | None = None

    async def git(self, account_id: str, delivery: Delivery) -> Answer:
        self.given.append((account_id, delivery))
        if self.failure is not None:
            raise self.failure
        return said(HTTPStatus.ACCEPTED, "taken", "looked at")

    async def run(self, call: RunCall) -> Answer:
        self.given.append(call)
        return said(HTTPStatus.ACCEPTED, "started", "started")

    def webhook(self, kind: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.counted.append((kind, outcome))


class World:
    """One server with a recorder behind it, and a client."""

    def __init__(self, **bounds: Any) -> None:
        self.recorder = Recorder()
        self.clock = ManualClock()
        self.server = WebhookServer(
            self.recorder, self.recorder, monotonic=self.clock.monotonic, **bounds
        )
        self.address = LOOPBACK

    async def __aenter__(self) -> Self:
        self.address = await self.server.listen(LOOPBACK)
        self.client = aiohttp.ClientSession(f"http://127.0.0.1:{self.address.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.server.stop()

    async def post(
        self, path: str, body: bytes | None = b"{}", **headers: str
    ) -> tuple[int, Any, Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(path, data=body, headers={**JSON, **sent}) as answer:
            text = await answer.text()
            body_of = json.loads(text) if answer.content_type == "application/json" else text
            return answer.status, body_of, answer.headers

    async def raw(self, *pieces: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.address.port)
        for piece in pieces:
            writer.write(piece)
        await writer.drain()
        return reader, writer


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


async def test_a_delivery_is_handed_on_with_the_very_bytes_that_came(world: World) -> None:
    body = b'{"a":  1}\r\n'
    status, answer, _ = await world.post(GIT, body, X_GitHub_Event="push")
    assert (status, answer) == (202, {"message": "looked at"})
    ((account, delivery),) = world.recorder.given
    assert (account, delivery.body) == ("team.acme", body)
    assert delivery.headers["x-github-event"] == "push"
    assert world.recorder.counted == [("git", "taken")]


@pytest.mark.parametrize(
    ("path", "headers", "key"),
    [
        pytest.param(f"{RUN}/k%2Fey%21", {}, "k/ey!", id="in-the-path"),
        pytest.param(RUN, {"Authorization": "Bearer k ey"}, "k ey", id="as-a-bearer-token"),
        pytest.param(RUN, {"Authorization": "bearer  key "}, "key", id="in-another-spelling"),
        pytest.param(RUN, {"Authorization": "Basic a2V5"}, "", id="as-something-else"),
        pytest.param(RUN, {}, "", id="not-at-all"),
    ],
)
async def test_a_call_is_handed_on_with_its_key_and_its_query(
    world: World, path: str, headers: dict[str, str], key: str
) -> None:
    status, _, _ = await world.post(f"{path}?A=1&b.sha=x%20y&A=2", b"", **headers)
    assert status == 202
    (call,) = world.recorder.given
    assert isinstance(call, RunCall)
    assert (call.namespace, call.kind, call.name) == ("team", "GitTrigger", "deploy")
    assert call.key.reveal() == key
    assert call.query == (("A", "1"), ("b.sha", "x y"), ("A", "2"))


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        pytest.param(RUN, None, {}, 202, id="call-without-a-body"),
        pytest.param(GIT, b"x" * (MAX_BODY + 1), {}, 413, id="too-large"),
        pytest.param(GIT, b"x" * MAX_BODY, {}, 202, id="as-large-as-it-may-be"),
        pytest.param("/hooks/git/", b"{}", {}, 404, id="no-account"),
        pytest.param("/hooks/run/team/GitTrigger", b"{}", {}, 404, id="no-name"),
        pytest.param("/", b"{}", {}, 404, id="elsewhere"),
        pytest.param(GIT, b"{}", {"X-Long": "x" * 10_000}, 400, id="a-long-header"),
    ],
)  # fmt: skip
async def test_what_is_refused_before_anybody_looks_at_it(
    world: World, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    seen, _, sent = await world.post(path, body, **headers)
    assert seen == status
    assert len(world.recorder.given) == (1 if status == 202 else 0)
    assert sent["Server"] == "ebbflow" or status == 400
    assert (await world.post(GIT))[0] == 202


async def test_a_body_that_hides_its_size_is_refused_as_it_grows(world: World) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    async with world.client.post(GIT, data=endless(), headers=JSON) as answer:
        assert answer.status == 413
    assert world.recorder.given == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", [GIT, RUN, f"{RUN}/key"])
async def test_only_a_post_delivers(world: World, method: str, path: str) -> None:
    async with world.client.request(method, path) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert await answer.json() == {"message": "send a POST"}
    assert world.recorder.given == []


async def test_an_error_of_our_own_tells_nothing_and_ends_nothing(world: World) -> None:
    world.recorder.failure = RuntimeError("the-secret-of-somebody")
    status, answer, _ = await world.post(GIT)
    assert status == 500
    assert "secret" not in json.dumps(answer)
    world.recorder.failure = None
    assert (await world.post(GIT))[0] == 202


async def test_who_comes_too_often_is_told_when_to_come_again() -> None:
    async with World(rate=Rate(a_second=0.5, burst=3)) as world:
        assert [(await world.post(GIT))[0] for _ in range(4)] == [202, 202, 202, 429]
        _, _, headers = await world.post(GIT)
        assert headers["Retry-After"] == "2"
        world.clock.advance(2)
        assert [(await world.post(GIT))[0] for _ in range(2)] == [202, 429]


async def test_a_slow_body_is_given_up_and_its_room_is_free_again() -> None:
    async with World(room=Room(total=2 * MAX_BODY, seconds=0.05)) as world:
        head = (
            b"POST " + GIT.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        )
        for _ in range(4):
            reader, writer = await world.raw(
                head, b"Content-Length: 1048576\r\n\r\n", b"x" * 900_000
            )
            assert b" 408 " in await reader.readline()
            writer.close()
        assert (await world.post(GIT, b"x" * MAX_BODY))[0] == 202


async def test_bodies_that_come_together_have_only_so_much_room() -> None:
    async with World(room=Room(total=MAX_BODY, seconds=5)) as world:
        head = (
            b"POST " + GIT.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        )
        _, writer = await world.raw(head, b"Content-Length: 1048576\r\n\r\n", b"x" * 900_000)
        for _ in range(500):
            if (await world.post(GIT, b"x" * MAX_BODY))[0] == 429:
                break
        else:
            pytest.fail("a second large body had room")
        assert (await world.post(GIT, b"{}"))[0] == 202
        writer.close()


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param((), id="nothing"),
        pytest.param((b"POST /hooks",), id="half-a-line"),
        pytest.param((b"POST / HTTP/1.1\r\nHost: x\r\n", b"X-A: "), id="half-a-header"),
    ],
)
async def test_a_connection_without_a_whole_request_is_closed(begin: tuple[bytes, ...]) -> None:
    async with World(idle_seconds=0.1) as world:
        reader, writer = await world.raw(*begin)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_drip_of_headers_does_not_keep_a_connection() -> None:
    async with World(idle_seconds=0.2) as world:
        reader, writer = await world.raw(b"POST / HTTP/1.1\r\n")
        closed = asyncio.create_task(reader.read())
        async with asyncio.timeout(5):
            while not (await asyncio.wait([closed], timeout=0.01))[0]:
                writer.write(b"X-A: 1\r\n")
        with suppress(ConnectionError):  # it dripped on while the connection was closed
            assert closed.result() == b""
        writer.close()


async def test_there_are_only_so_many_connections() -> None:
    async with World(connections=3) as world:
        held = [await world.raw() for _ in range(3)]
        reader, _ = await world.raw()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        assert (await world.post(GIT))[0] == 202


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\x16\x03\x01\x02\x00", id="tls"),
        pytest.param(b"POST " + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", id="a-long-path"),
        pytest.param(b"POST / HTTP/9.9\r\n\r\n", id="another-version"),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + b"X: 1\r\n" * 1000 + b"\r\n", id="a-thousand-headers"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", id="two-lengths"
        ),
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_never_logged(
    world: World, caplog: pytest.LogCaptureFixture, text: bytes
) -> None:
    reader, writer = await world.raw(text)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    writer.close()
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
    assert (await world.post(GIT))[0] == 202


async def test_a_taken_address_is_told_in_three_lines(world: World) -> None:
    second = WebhookServer(world.recorder, world.recorder)
    with pytest.raises(CannotListen, match="--webhook-address") as caught:
        await second.listen(world.address)
    assert len(str(caught.value).splitlines()) == 3
