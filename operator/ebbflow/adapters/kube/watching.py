"""The HTTP session that watches run on, and the record of which watches are in place.

A watch is proved to live by its own traffic: the API server ends it after a while and it is asked
for again, and a stream without bookmarks is given up earlier. So a watch that was not answered for
long is a deaf one, whatever the cause, and nothing has to be written to find that out.
"""

from __future__ import annotations

from http import HTTPStatus
from types import SimpleNamespace

import aiohttp
from yarl import URL

from ebbflow import __version__
from ebbflow.adapters.kube.connection import Connection
from ebbflow.domain.ports import Clock


class WatchRecord:
    """Which watches are in place and when the API server last answered them, by their paths."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answered: dict[str, float] = {}
        self._broken: set[str] = set()

    def reset(self) -> None:
        """Take note that all watches have ended."""
        self._answered.clear()
        self._broken.clear()

    def note(self, url: URL, status: int | None) -> None:
        """Take note of an answer to a list or a watch; None: there was none.

        Only a watch that was accepted counts. Anything else that is no success means that the
        watch of this path has ended and could not be taken up again.
        """
        if status != HTTPStatus.OK:
            self._broken.add(url.path)
        elif "watch" in url.query:
            self._answered[url.path] = self._clock.monotonic()
            self._broken.discard(url.path)

    def in_place(self, path: str) -> bool:
        """Tell whether the path is being watched, as far as the API server has said."""
        return path in self._answered and path not in self._broken

    def age(self, path: str) -> float | None:
        """Seconds since the watch of `path` was last answered; None: not since the last reset."""
        answered = self._answered.get(path)
        return None if answered is None else self._clock.monotonic() - answered


def open_session(connection: Connection, record: WatchRecord) -> aiohttp.ClientSession:
    """Open a session that logs in as `connection` says at each request, and keeps the record."""

    async def authorize(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        info = await connection.current()
        if info.authorization:
            request.headers["Authorization"] = info.authorization
        return await handler(request)

    async def on_answer(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        record.note(params.url, params.response.status)

    async def on_failure(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        record.note(params.url, None)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(on_answer)
    trace.on_request_exception.append(on_failure)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=connection.tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"ebbflow/{__version__}"},
        middlewares=(authorize,),
        proxy=connection.info.proxy_url,
        trace_configs=[trace],
    )
