"""The HTTP server of webhooks: it bounds what strangers can cost, and hands on what is left.

What it bounds: connections, the time and size of headers, the size and time of bodies, the bytes of
all of them together, and requests a second of each source. Nothing is written to a log about a
request: a path may hold a key.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final, Protocol

from aiohttp import web
from typing_extensions import override

from ebbflow.adapters.probes import CannotListen
from ebbflow.adapters.receiver.bodies import Room, TooLarge, TooMuch, TooSlow
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.delivery import Delivery
from ebbflow.domain.webhooks.exchange import (
    MAX_BODY,
    Answer,
    Receiving,
    RunCall,
    said,
    too_many,
    unavailable,
)
from ebbflow.domain.webhooks.places import GIT_PATH, RUN_PATH
from ebbflow.domain.webhooks.rates import Rate, Rates
from ebbflow.settings import Address

CONNECTIONS: Final = 512
"""At once; one more is closed as soon as it is made."""

IDLE_SECONDS: Final = 15.0
"""Without a whole request a connection is closed: before the first one, and between two."""

SHUTDOWN: Final = 2.0
"""Seconds that requests under way get when the server stops."""

ANSWER_SECONDS: Final = 8.0
"""Within which a delivery is worked on; GitHub waits for 10 s."""

PER_SOURCE: Final = Rate(a_second=400, burst=800)
"""Requests of one address. Behind a proxy all come from its address."""

_NETWORK_OF_ONE: Final = 64
"""Bits of an IPv6 address that tell one site from another."""

logger = logging.getLogger(__name__)

_SILENT: Final = logging.getLogger(f"{__name__}.http")
"""For the library: of what is no HTTP it would log the bytes, and a key may be among them."""
_SILENT.setLevel(logging.CRITICAL + 1)


class WebhookMetrics(Protocol):
    """What is counted about webhooks."""

    def webhook(self, kind: str, outcome: str, seconds: float) -> None:
        """Count a request; `kind` is git or run."""
        ...


class WebhookServer:
    """One server. `listen` before anything else, `stop` at the end."""

    def __init__(
        self,
        receiving: Receiving,
        metrics: WebhookMetrics,
        *,
        rate: Rate = PER_SOURCE,
        room: Room | None = None,
        idle_seconds: float = IDLE_SECONDS,
        connections: int = CONNECTIONS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receiving = receiving
        self._metrics = metrics
        self._rates = Rates(rate, monotonic)
        self._room = room or Room()
        self._idle_seconds = idle_seconds
        self._connections = connections
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def listen(self, address: Address) -> Address:
        """Listen; returns where, with the port that was chosen. Raises CannotListen."""
        app = web.Application(middlewares=[_in_json])
        app.on_response_prepare.append(_anonymous)
        app.router.add_post(GIT_PATH + "{account}", self._git)
        place = RUN_PATH + "{namespace}/{kind}/{name}"
        app.router.add_post(place, self._run)
        app.router.add_post(place + "/{key}", self._run)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_SILENT,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN,
            # A sender that is refused while it sends has to come to the end to read the answer.
            lingering_time=SHUTDOWN,
            keepalive_timeout=self._idle_seconds,
            # What was signed are the bytes as they came; and what unpacks to more has no bound.
            auto_decompress=False,
            read_bufsize=64 * 1024,
        )
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._protocol, address.host, address.port, reuse_address=True
            )
        except OSError as error:
            await self._runner.cleanup()
            raise CannotListen(
                f"cannot listen for webhooks\n"
                f"  {address.host}:{address.port}: {error.strerror or error}\n"
                f"  choose another with --webhook-address"
            ) from error
        chosen = Address(address.host, self._server.sockets[0].getsockname()[1])
        place = f"{chosen.host}:{chosen.port}"
        logger.info("webhooks are received on http://%s", place, extra={"webhooks": place})
        return chosen

    async def stop(self) -> None:
        """Stop listening and let requests under way finish."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _protocol(self) -> asyncio.Protocol:
        server = self._runner.server if self._runner else None
        if server is None or len(server.connections) >= self._connections:
            return _Closed()
        return server()

    async def _git(self, request: web.Request) -> web.Response:
        return await self._answered(
            "git",
            request,
            lambda delivery: self._receiving.git(request.match_info["account"], delivery),
        )

    async def _run(self, request: web.Request) -> web.Response:
        place, query = request.match_info, tuple(request.query.items())
        key = Tainted(place.get("key") or _bearer(request))
        return await self._answered(
            "run",
            request,
            lambda delivery: self._receiving.run(
                RunCall(place["namespace"], place["kind"], place["name"], key, query, delivery)
            ),
        )

    async def _answered(
        self,
        kind: str,
        request: web.Request,
        work: Callable[[Delivery], Awaitable[Answer]],
    ) -> web.Response:
        started = time.monotonic()
        answer = await self._bounded(request, work)
        self._metrics.webhook(kind, answer.outcome, time.monotonic() - started)
        response = web.json_response(answer.body, status=answer.status)
        if answer.retry_after is not None:
            response.headers["Retry-After"] = str(max(1, ceil(answer.retry_after.total_seconds())))
        return response

    async def _bounded(
        self, request: web.Request, work: Callable[[Delivery], Awaitable[Answer]]
    ) -> Answer:
        if (wait := self._rates.take(_source(request))) is not None:
            return too_many("too many requests come from your address", wait)
        try:
            body = await self._room.read(request)
        except TooLarge:
            message = f"the body is larger than {MAX_BODY // 1024} KiB"
            return said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", message)
        except TooSlow:
            return said(HTTPStatus.REQUEST_TIMEOUT, "too-slow", "the body did not come in time")
        except TooMuch:
            return too_many("too much comes at once", timedelta(seconds=1))
        try:
            return await self._worked(request, body, work)
        finally:
            self._room.free(len(body))

    async def _worked(
        self, request: web.Request, body: bytes, work: Callable[[Delivery], Awaitable[Answer]]
    ) -> Answer:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await work(Delivery(headers, body))
        except TimeoutError:
            return unavailable("this takes too long now", timedelta(seconds=ANSWER_SECONDS))
        except Exception:
            # One delivery that nobody thought of must not end the receiver, nor tell its sender
            # how. The traceback holds no content of the request.
            logger.exception("a webhook could not be answered")
            return said(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", "an error of our own")


class _Closed(asyncio.Protocol):
    """A connection that there is no room for."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@web.middleware
async def _in_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Say in JSON, as all else, that nothing is received at a path, or not by this method."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allow = {"Allow": error.headers["Allow"]}
        return web.json_response({"message": "send a POST"}, status=error.status, headers=allow)
    except web.HTTPNotFound as error:
        return web.json_response({"message": "nothing is received here"}, status=error.status)


async def _anonymous(_request: web.Request, response: web.StreamResponse) -> None:
    # Else it names the versions of Python and of the library.
    response.headers["Server"] = "ebbflow"


def _source(request: web.Request) -> str:
    """Return whose requests are counted together: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> (address.max_prefixlen - _NETWORK_OF_ONE))
    return str(address)


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
