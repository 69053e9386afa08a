"""A tiny stand-in for the API server, real enough for the proxy: objects, lists and watches."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, Self

from aiohttp import web

SECONDS = 5.0


class FakeApi:
    """Answers on loopback in a thread; remembers (method, path, authorization) of each request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._streams: list[web.StreamResponse] = []
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def writes(self) -> int:
        """How many requests other than GET arrived."""
        return sum(method != "GET" for method, _, _ in self.seen)

    def emit(self, event: dict[str, Any]) -> None:
        """Send one event to every open watch."""
        data = json.dumps(event).encode() + b"\n"
        self.emit_raw(data)

    def emit_raw(self, data: bytes) -> None:
        """Send bytes to every open watch."""
        asyncio.run_coroutine_threadsafe(self._emit(data), self._loop).result(SECONDS)

    async def _emit(self, data: bytes) -> None:
        for stream in self._streams:
            await stream.write(data)

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        authorization = request.headers.get("Authorization", "")
        self.seen.append((request.method, request.raw_path, authorization))
        if request.query.get("watch"):
            return await self._watch(request)
        if request.path == "/hang":
            await asyncio.Event().wait()
        return web.json_response({"path": request.raw_path, "size": len(body)})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        stream.enable_chunked_encoding()
        await stream.prepare(request)
        self._streams.append(stream)
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - aiohttp tells in no other way
            await asyncio.sleep(0.01)
        self._streams.remove(stream)
        return stream

    def watching(self) -> int:
        """How many watches are open."""
        return len(self._streams)
