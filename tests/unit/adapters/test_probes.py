"""The servers for health and metrics, over real connections on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from ebbflow.adapters.probes import CannotListen, HttpServer, serve_health, serve_metrics
from ebbflow.settings import Address

LOOPBACK = Address("127.0.0.1", 0)


class Health:
    def __init__(self) -> None:
        self.sick: list[str] = []
        self.missing: list[str] = []


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def server(health: Health) -> AsyncIterator[HttpServer]:
    made = await serve_health(LOOPBACK, lambda: health.sick, lambda: health.missing)
    yield made
    await made.stop()


async def ask(server: HttpServer, path: str, method: str = "GET", **options: object) -> tuple:
    url = f"http://127.0.0.1:{server.address.port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as got:
        return got.status, await got.text(), got.headers


async def test_a_free_port_is_chosen_and_told(
    health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server = await serve_health(LOOPBACK, lambda: health.sick, lambda: health.missing)
    assert server.address.port > 0
    assert f"health is served on http://127.0.0.1:{server.address.port}" in caplog.text
    await server.stop()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_all_is_well(server: HttpServer, path: str) -> None:
    assert (await ask(server, path))[:2] == (200, "ok\n")


async def test_what_is_missing_is_told_line_by_line(server: HttpServer, health: Health) -> None:
    health.missing = ["the CRD is missing", "the Lease is not there"]
    assert (await ask(server, "/readyz"))[:2] == (
        503,
        "the CRD is missing\nthe Lease is not there\n",
    )
    assert (await ask(server, "/healthz"))[0] == 200
    health.missing = []
    health.sick = ["deaf"]
    assert (await ask(server, "/readyz"))[0] == 200
    assert (await ask(server, "/healthz"))[:2] == (503, "deaf\n")


async def test_a_head_has_no_body(server: HttpServer) -> None:
    assert (await ask(server, "/readyz", "HEAD"))[:2] == (200, "")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/metrics", 404),
        ("GET", "/readyz/x", 404),
        ("POST", "/readyz", 405),
    ],
)
async def test_nothing_else_is_served(
    server: HttpServer, method: str, path: str, status: int
) -> None:
    assert (await ask(server, path, method))[0] == status


async def test_a_body_is_not_waited_for(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.address.port)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nno more")
    await writer.drain()
    assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP/1.1 200")
    await asyncio.wait_for(reader.read(), 2)  # the end of the stream: the server hung up
    writer.close()


async def test_metrics_are_rendered_for_who_asks() -> None:
    server = await serve_metrics(
        LOOPBACK, lambda accept: (f"for {accept}".encode(), "text/plain; version=1.0.0")
    )
    status, body, headers = await ask(server, "/metrics", headers={"Accept": "this"})
    assert (status, body) == (200, "for this")
    assert headers["Content-Type"] == "text/plain; version=1.0.0"
    assert (await ask(server, "/healthz"))[0] == 404
    await server.stop()


async def test_a_taken_address_is_told_with_the_flag_to_change() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"(?s)127.0.0.1:{port}: .*--metrics-address"):
            await serve_metrics(Address("127.0.0.1", port), lambda _: (b"", ""))


async def test_a_stopped_server_listens_no_more(health: Health) -> None:
    server = await serve_health(LOOPBACK, lambda: health.sick, lambda: health.missing)
    await server.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(server, "/healthz")
