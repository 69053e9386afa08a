"""An API server that answers what a test tells it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "canary-token-of-the-operator"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass(frozen=True)
class Broken:
    """A body that breaks off after this text, as a connection that is lost."""

    text: str


@dataclass
class FakeApi:
    """Answers with `replies` one by one, then with `otherwise`; keeps what was asked.

    A body that is a queue is a watch: its items are sent as lines, and None ends it.
    """

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    otherwise: Callable[[Request], Reply] = lambda _: (200, {"kind": "Thing"})
    before: Callable[[], Awaitable[None]] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        seen = Request(
            request.method,
            request.path,
            dict(request.query),
            dict(request.headers),
            json.loads(raw) if raw else None,
        )
        self.requests.append(seen)
        if self.before is not None:
            await self.before()
        reply = self.replies.pop(0) if self.replies else self.otherwise(seen)
        status, body, *headers = reply
        if isinstance(body, asyncio.Queue):
            return await _stream(request, body)
        if isinstance(body, Broken):
            return await _break_off(request, body)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers[0] if headers else {})


async def _stream(request: web.Request, lines: asyncio.Queue[Any]) -> web.StreamResponse:
    """Send what comes through the queue, a line each, until None comes."""
    response = web.StreamResponse()
    await response.prepare(request)
    while (line := await lines.get()) is not None:
        await response.write(json.dumps(line).encode() + b"\n")
    return response


async def _break_off(request: web.Request, body: Broken) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(body.text.encode())
    assert request.transport is not None
    request.transport.close()
    return response


def refusal(code: int, message: str, name: str = "shop") -> Reply:
    return (code, {"kind": "Status", "message": message, "details": {"name": name}})


@dataclass
class Counted:
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    leaders: dict[str, bool] = field(default_factory=dict)

    def rest_request(self, code: str, method: str, host: str, seconds: float) -> None:
        assert seconds > 0
        self.requests.append((code, method, host))

    def leader(self, name: str, leads: bool) -> None:
        self.leaders[name] = leads


@asynccontextmanager
async def serve_fake_api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()
