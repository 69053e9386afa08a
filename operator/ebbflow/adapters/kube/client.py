"""Requests to the API server: one connection pool, plain JSON, bounded in number and time."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from ebbflow import __version__
from ebbflow.adapters.kube.answer import Answer, content, read_retry_after
from ebbflow.adapters.kube.connection import Connection, ConnectionInfo, find_source
from ebbflow.adapters.kube.naming import JSON, describe
from ebbflow.adapters.kube.watching import WatchRecord, open_session
from ebbflow.api.base import JsonObject
from ebbflow.domain.ports import ClusterError

CONCURRENCY: Final = 32
"""Requests under way at once; past about this many the API server only queues them."""

CONNECT_TIMEOUT: Final = 5.0
TOTAL_TIMEOUT: Final = 30.0

RETRIES: Final = 3
LONGEST_PAUSE: Final = 10.0
"""Seconds of Retry-After that are waited out here; longer waits belong into the work queue."""

JITTER: Final = 0.25
"""Up to this share is added to a wait, so that refused requests do not come back together."""

HEARTBEAT: Final = 20.0
"""Seconds between pings on a WebSocket; without an answer the connection is given up."""

MAX_REFUSAL: Final = 64 * 1024

NO_ANSWER: Final = "<error>"
"""What client-go counts as `code` where there was no response."""

_SLOW_DOWN: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class UpgradeRefused(Exception):
    """The API server opened no WebSocket; `answer` is what it said instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"no WebSocket (HTTP {answer.status})")
        self.answer = answer


class RestMetrics(Protocol):
    """What is counted about requests to the API server."""

    def rest_request(self, code: str, method: str, host: str, seconds: float) -> None:
        """Count one request; `code` is the HTTP status, or `<error>` without a response."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to be sent (again)."""

    method: str
    path: str
    data: bytes | None
    headers: Mapping[str, str]
    what: str


class KubeClient:
    """The API server. Made by `load`, closed by `close`; one for the whole process."""

    def __init__(
        self,
        connection: Connection,
        metrics: RestMetrics,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._sleep = sleep
        self._chance = chance
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._session = aiohttp.ClientSession(
            # The slots bound ordinary requests; urgent ones must not wait for a connection.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=TOTAL_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"ebbflow/{__version__}", "Accept": JSON},
        )

    @classmethod
    async def load(cls, metrics: RestMetrics, context: str | None = None) -> Self:
        """Connect as $KUBECONFIG, the pod's ServiceAccount or ~/.kube/config says.

        `context` chooses a kubeconfig's context. Nothing is sent yet. Raises NoCluster.
        """
        source = find_source(context, os.environ, Path.home())
        return cls(await Connection.open(source), metrics)

    @property
    def current_namespace(self) -> str:
        """The namespace of the pod or of the kubeconfig's context; `default` where none is set."""
        return self._connection.info.default_namespace

    @property
    def server(self) -> str:
        """The API server's address."""
        return self._connection.info.server

    async def connection_info(self) -> ConnectionInfo:
        """Return what another client needs to log in; credentials are read again if they may be."""
        await self._connection.renew(self._connection.info)
        return self._connection.info

    async def open_watch_session(self, record: WatchRecord) -> aiohttp.ClientSession:
        """Open a session for watches, which logs in as this client does and keeps `record`."""
        await self._connection.renew(self._connection.info)
        return open_session(self._connection, record)

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
        impersonate: str | None = None,
        urgent: bool = False,
    ) -> JsonObject:
        """Send one request and return the JSON object of the answer.

        `impersonate` is a user name, such as `system:serviceaccount:shop:default` (the API server
        adds a ServiceAccount's groups). An answer 429 or 503 with a Retry-After of at most 10 s is
        tried again up to 3 times; `urgent` requests are never held back or repeated (for the
        Lease). Raises StaleWrite for 409, ObjectMissing for 404, ClusterError else; its code is 0
        where no answer came.
        """
        call = _call(method, path, body, content_type, query, impersonate)
        if urgent:
            return content(await self._send(call), call.what)
        return content(await self._send_patiently(call), call.what)

    async def answer(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
        impersonate: str | None = None,
    ) -> Answer:
        """Send one request as `request` does, and return the answer whatever it says.

        Raises ClusterError with code 0 only where no answer came.
        """
        call = _call(method, path, body, content_type, query, impersonate)
        return await self._send_patiently(call)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        impersonate: str | None,
        accept: str,
        silence: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a watch and hand out the response, whatever its status, to be read line by line.

        Raises aiohttp.ClientError, OSError and, after `silence` seconds without a byte,
        TimeoutError. Not counted as a request: it lasts as long as it is wanted.
        """
        call = _call("GET", path, None, JSON, query, impersonate)
        call = replace(call, headers={**call.headers, "Accept": accept})
        info = await self._connection.current()
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        request = self._session.request("GET", **self._options(call, info), timeout=limits)
        async with request as response:
            yield response

    @asynccontextmanager
    async def web_socket(
        self, path: str, *, impersonate: str, protocols: Sequence[str]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket at a path with its query, on a connection of its own.

        It pings, so that a peer that is gone is noticed. Raises UpgradeRefused with what the API
        server says; aiohttp.ClientError, OSError and TimeoutError.
        """
        call = _call("GET", path, None, JSON, None, impersonate)
        info = await self._connection.current()
        options = self._options(call, info)
        del options["allow_redirects"]  # none is followed: it would be a refusal
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"ebbflow/{__version__}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            middlewares=(_upgraded,),
        ) as session:
            try:
                async with asyncio.timeout(TOTAL_TIMEOUT):
                    socket = await session.ws_connect(
                        protocols=protocols, heartbeat=HEARTBEAT, **options
                    )
            except UpgradeRefused as refused:
                if refused.answer.status == HTTPStatus.UNAUTHORIZED:
                    await self._connection.renew(info)
                raise
            async with socket:
                yield socket

    async def _send_patiently(self, call: Call) -> Answer:
        async with self._slots:
            answer = await self._send(call)
            for _ in range(RETRIES):
                pause = _pause(answer)
                if pause is None:
                    break
                # The slot stays taken: a server that asks for patience gets fewer requests.
                await self._sleep(pause * (1 + JITTER * self._chance()))
                answer = await self._send(call)
        return answer

    async def _send(self, call: Call) -> Answer:
        info = await self._connection.current()
        answer = await self._exchange(call, info)
        if answer.status == HTTPStatus.UNAUTHORIZED and await self._connection.renew(info):
            answer = await self._exchange(call, self._connection.info)
        return answer

    async def _exchange(self, call: Call, info: ConnectionInfo) -> Answer:
        host = urlsplit(info.server).netloc.rpartition("@")[2]
        started = time.monotonic()
        code = NO_ANSWER
        try:
            async with self._session.request(
                call.method, data=call.data, **self._options(call, info)
            ) as response:
                body = await response.read()
                code = str(response.status)
                return Answer(
                    response.status, body, read_retry_after(response.headers.get("Retry-After"))
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterError(
                f"cannot {call.what}: no answer from the API server at {host}: {_cause(error)}",
                code=0,
            ) from error
        finally:
            self._metrics.rest_request(code, call.method, host, time.monotonic() - started)

    def _options(self, call: Call, info: ConnectionInfo) -> dict[str, Any]:
        """What aiohttp needs to know of a request beside its method and body."""
        headers = dict(call.headers)
        if info.authorization:
            headers["Authorization"] = info.authorization
        return {
            "url": URL(info.server + call.path, encoded=True),
            "headers": headers,
            "ssl": self._connection.tls,
            "server_hostname": info.tls_server_name,
            "proxy": info.proxy_url,
            "allow_redirects": False,  # the API server sends none, and they would get the token
        }


async def _upgraded(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise UpgradeRefused with the whole answer: aiohttp itself would drop the server's words."""
    response = await handler(request)
    if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        body = await response.content.read(MAX_REFUSAL)
        after = read_retry_after(response.headers.get("Retry-After"))
        response.close()
        raise UpgradeRefused(Answer(response.status, body, after))
    return response


def _call(
    method: str,
    path: str,
    body: object,
    content_type: str,
    query: Mapping[str, str] | None,
    impersonate: str | None,
) -> Call:
    headers: dict[str, str] = {}
    if impersonate is not None:
        headers["Impersonate-User"] = impersonate
    call = Call(method, path, None, headers, describe(method, path, content_type))
    if query:
        call = replace(call, path=f"{path}?{urlencode(query)}")
    if body is None:
        return call
    headers["Content-Type"] = content_type
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return replace(call, data=text.encode())


def _pause(answer: Answer) -> float | None:
    """Seconds to wait before the request is worth repeating; None: it is not, or not here."""
    if answer.status not in _SLOW_DOWN or answer.retry_after is None:
        return None
    return answer.retry_after if answer.retry_after <= LONGEST_PAUSE else None


def _cause(error: BaseException) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted; check the kubeconfig's certificate authority"
        case aiohttp.ClientConnectorError():
            return error.os_error.strerror or "no connection"
        case TimeoutError():
            return "it took too long"
        case _:
            return type(error).__name__
