"""The API proxy's grip on watch streams: hold, drop, inject, end."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientError, ClientResponse, web

from tests.support.apifaults import Match, Request, error_line

LOOK_FOR_CLIENT = 0.25

LinePredicate = Callable[[dict[str, Any]], bool]


@dataclass(slots=True, eq=False)
class WatchRule:
    """Holds the matching watches (`drop` is None) or drops those of their events that match.

    Applies to watches that are open and to those that come; a context manager that ends it. Held
    lines are delivered at the end; dropped ones never.
    """

    match: Match
    drop: LinePredicate | None
    on_end: Callable[[], None]
    ended: bool = False
    dropped: int = 0

    def holds(self, request: Request) -> bool:
        """Tell whether the lines of this watch have to wait."""
        return not self.ended and self.drop is None and self.match(request)

    def drops(self, request: Request, line: bytes) -> bool:
        """Tell whether this line must not arrive."""
        if self.ended or self.drop is None or not self.match(request):
            return False
        if not self.drop(json.loads(line)):
            return False
        self.dropped += 1
        return True

    def end(self) -> None:
        """Let go: held lines are delivered now."""
        self.ended = True
        self.on_end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()


@dataclass(slots=True, eq=False)
class Watch:
    """One open watch stream. The public methods may be called from any thread."""

    request: Request
    loop: asyncio.AbstractEventLoop
    rules: Callable[[], Iterable[WatchRule]]
    lines: int = 0
    open: bool = True
    _waiting: deque[bytes] = field(default_factory=deque)
    _urgent: deque[bytes] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _finished: bool = False
    _broken: bool = False

    def inject_error(self, code: int, message: str = "injected by the test") -> None:
        """Send an ERROR line (410, 500, ...) and end the stream, as the API server does."""
        self._urgent.append(error_line(code, message))
        self.end()

    def end(self) -> None:
        """End the stream in good order; lines that are held are lost."""
        self.open = False
        self.wake()

    def cut(self) -> None:
        """Reset the connection in the middle of the stream."""
        self._broken = True
        self.end()

    def wake(self) -> None:
        """Look again at what may be sent."""
        self.loop.call_soon_threadsafe(self._news.set)

    async def serve(
        self, upstream: ClientResponse, client: web.StreamResponse, gone: Callable[[], bool]
    ) -> bool:
        """Pass lines on until one side ends; False if the client's connection must be reset.

        `gone` tells whether the client has hung up.
        """
        reader = asyncio.ensure_future(self._read(upstream))
        try:
            await self._write(client, gone)
        finally:
            self.open = False
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        return not self._broken

    async def _read(self, upstream: ClientResponse) -> None:
        rest = b""
        try:
            async for chunk in upstream.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                self._waiting.extend(line + b"\n" for line in whole)
                self._news.set()
        except (ClientError, OSError):
            self._broken = True
        finally:
            self._finished = True
            self._news.set()

    async def _write(self, client: web.StreamResponse, gone: Callable[[], bool]) -> None:
        while True:
            self._news.clear()
            # Asked before the lines are: an error is put in line first and then the stream is
            # closed, from any thread, so what closed it is sent below.
            closing = not self.open
            for line in self._sendable():
                self.request.received += len(line)
                self.lines += 1
                await client.write(line)
            over = self._finished and not self._waiting and not self._urgent
            if closing or over or gone():
                return
            await self._something_new()

    def _sendable(self) -> Iterable[bytes]:
        while self._urgent:
            yield self._urgent.popleft()
        while self._waiting and self.open and not self._held():
            line = self._waiting.popleft()
            if not any(rule.drops(self.request, line) for rule in self.rules()):
                yield line

    def _held(self) -> bool:
        return any(rule.holds(self.request) for rule in self.rules())

    async def _something_new(self) -> None:
        # A client that went away is not reported to a handler that only waits: look now and then.
        try:
            await asyncio.wait_for(self._news.wait(), LOOK_FOR_CLIENT)
        except TimeoutError:
            return
