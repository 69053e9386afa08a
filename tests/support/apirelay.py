"""The wire of the API proxy: takes requests on loopback, passes them on, and lets faults happen."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterable
from typing import Protocol

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    web,
)
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.support.apifaults import Action, Answer, Call, Cut, Delay, Pass, Phase, Request
from tests.support.apiwatch import Watch, WatchRule

LARGEST_BODY = 32 * 1024 * 1024
DELAY_STEP = 0.005
NOT_PASSED_ON = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"}
)
NO_OWN_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
# Opening a connection may take a moment; a watch may be silent for long.
PATIENCE = ClientTimeout(total=None, sock_connect=10)

Verdict = Pass | Cut | Answer


class Board(Protocol):
    """Where the relay notes what it sees and asks what to do."""

    @property
    def closing(self) -> bool:
        """Whether delays have to end now."""
        ...

    def note(self, request: web.Request, size: int) -> Request:
        """Record a request that came in."""
        ...

    def actions(self, request: Request, phase: Phase) -> Iterable[Action]:
        """What to do to it now, in order."""
        ...

    def watch_rules(self) -> Iterable[WatchRule]:
        """The rules for the lines of watches."""
        ...

    def opened(self, watch: Watch) -> None:
        """Take note of a new watch stream."""
        ...

    def failed(self, error: BaseException) -> None:
        """Take note of a bug in the proxy."""
        ...


class Relay:
    """Serves one proxy's requests inside an event loop."""

    def __init__(self, upstream: str, ca: bytes | None, board: Board) -> None:
        self._upstream = upstream
        self._ca = ca
        self._board = board
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None

    async def start(self) -> str:
        """Listen on a free port of loopback; the address, such as http://127.0.0.1:4711."""
        trust: ssl.SSLContext | bool = True
        if self._ca is not None:
            trust = ssl.create_default_context(cadata=self._ca.decode())
        self._session = ClientSession(
            connector=TCPConnector(ssl=trust, limit=0),
            timeout=PATIENCE,
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=NO_OWN_HEADERS,
        )
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        body = await incoming.read()
        request = self._board.note(incoming, len(body))
        try:
            return await self._serve(incoming, request, body)
        except (ClientError, OSError) as error:
            # The API server is down, or the client went away: both see a broken connection.
            request.fate = request.fate or f"broken: {type(error).__name__}"
            return _cut(incoming)
        except Exception as error:  # noqa: BLE001 - a bug here fails the test by its own name
            self._board.failed(error)
            return _cut(incoming)

    async def _serve(
        self, incoming: web.Request, request: Request, body: bytes
    ) -> web.StreamResponse:
        if "upgrade" in incoming.headers.get("Connection", "").lower():
            return _answer(request, Answer(501, "the test proxy passes no upgraded connections"))
        match await self._verdict(request, "before"):
            case Cut():
                return _cut_by_rule(incoming, request, "before")
            case Answer() as answer:
                return _answer(request, answer)
            case Pass():
                return await self._forward(incoming, request, body)

    async def _forward(
        self, incoming: web.Request, request: Request, body: bytes
    ) -> web.StreamResponse:
        assert self._session is not None
        async with self._session.request(
            incoming.method,
            URL(self._upstream + incoming.raw_path, encoded=True),
            headers=_passed_on(incoming.headers, plain=request.verb == "watch"),
            data=body or None,
            allow_redirects=False,
        ) as upstream:
            request.status = upstream.status
            streams = request.verb == "watch" and upstream.status == 200
            content = b"" if streams else await upstream.read()
            match await self._verdict(request, "after"):
                case Cut():
                    return _cut_by_rule(incoming, request, "after")
                case Answer() as answer:
                    return _answer(request, answer)
                case Pass() if streams:
                    return await self._stream(incoming, request, upstream)
                case Pass():
                    return _relayed(request, upstream, content)

    async def _stream(
        self, incoming: web.Request, request: Request, upstream: ClientResponse
    ) -> web.StreamResponse:
        client = web.StreamResponse(
            status=upstream.status, headers=_passed_on(upstream.headers, plain=False)
        )
        client.enable_chunked_encoding()
        await client.prepare(incoming)
        watch = Watch(request, asyncio.get_running_loop(), self._board.watch_rules)
        self._board.opened(watch)
        if not await watch.serve(upstream, client, lambda: _gone(incoming)):
            return _cut_by_rule(incoming, request, "stream")
        await client.write_eof()
        return client

    async def _verdict(self, request: Request, phase: Phase) -> Verdict:
        for action in self._board.actions(request, phase):
            match action:
                case Delay(until):
                    while not until.is_set() and not self._board.closing:  # noqa: ASYNC110 - a thread's event
                        await asyncio.sleep(DELAY_STEP)
                case Call(function, then):
                    await asyncio.to_thread(function, request)
                    if not isinstance(then, Pass):
                        return then
                case Cut() | Answer():
                    return action
                case Pass():
                    return action
        return Pass()


def _passed_on(headers: CIMultiDictProxy[str], *, plain: bool) -> CIMultiDict[str]:
    dropped = NOT_PASSED_ON | {"accept-encoding"} if plain else NOT_PASSED_ON
    kept = CIMultiDict(headers)
    for name in dropped:
        kept.popall(name, None)
    return kept


def _relayed(request: Request, upstream: ClientResponse, content: bytes) -> web.Response:
    request.received = len(content)
    headers = _passed_on(upstream.headers, plain=False)
    return web.Response(status=upstream.status, body=content, headers=headers)


def _answer(request: Request, answer: Answer) -> web.Response:
    request.fate = f"answered {answer.code} by the test"
    request.status = answer.code
    headers = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
    return web.Response(
        status=answer.code, body=answer.body(), headers=headers, content_type="application/json"
    )


def _cut_by_rule(incoming: web.Request, request: Request, when: str) -> web.Response:
    request.fate = f"cut ({when})"
    return _cut(incoming)


def _cut(incoming: web.Request) -> web.Response:
    if incoming.transport is not None:
        raw = incoming.transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            # A linger time of 0 makes the kernel send a reset instead of an orderly end.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        incoming.transport.abort()
    return web.Response()


def _gone(incoming: web.Request) -> bool:
    return incoming.transport is None or incoming.transport.is_closing()
