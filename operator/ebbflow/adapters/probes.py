"""The small HTTP servers for health and metrics."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from ebbflow.settings import Address

Check = Callable[[], Sequence[str]]
"""Tells what is missing, as sentences; nothing when all is well."""

Render = Callable[[str], tuple[bytes, str]]
"""Makes a page for an Accept header: its bytes and its content type."""

Answer = Callable[[web.Request], Awaitable[web.Response]]

SHUTDOWN: Final = 1.0
"""Seconds that requests under way get when a server stops."""

logger = logging.getLogger(__name__)


class CannotListen(Exception):
    """The address cannot be listened on; three lines: what, where, what to do."""


class HttpServer:
    """One listening server; `address` is where, with the port that was chosen."""

    def __init__(self, runner: web.AppRunner, address: Address) -> None:
        self._runner = runner
        self.address = address

    async def stop(self) -> None:
        """Stop listening and let requests under way finish."""
        await self._runner.cleanup()


async def serve_health(address: Address, healthy: Check, ready: Check) -> HttpServer:
    """Answer `/healthz` and `/readyz`: 200 and `ok`, or 503 and a line for all that is missing.

    Raises CannotListen.
    """
    return await _serve("health", address, {"/healthz": _check(healthy), "/readyz": _check(ready)})


async def serve_metrics(address: Address, render: Render) -> HttpServer:
    """Answer `/metrics`. Raises CannotListen."""

    async def answer(request: web.Request) -> web.Response:
        body, content_type = render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return await _serve("metrics", address, {"/metrics": answer})


def _check(check: Check) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        missing = check()
        return web.Response(
            text="\n".join(missing or ("ok",)) + "\n",
            status=503 if missing else 200,
            headers={"Cache-Control": "no-store"},
        )

    return answer


async def _serve(what: str, address: Address, routes: dict[str, Answer]) -> HttpServer:
    app = web.Application()
    for path, answer in routes.items():
        app.router.add_get(path, answer)  # HEAD too
    # A request's body is never waited for: after the answer the connection is closed over it.
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN, lingering_time=0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, address.host, address.port).start()
    except OSError as error:
        await runner.cleanup()
        raise CannotListen(
            f"cannot listen for {what}\n"
            f"  {address.host}:{address.port}: {error.strerror or error}\n"
            f"  choose another with --{what}-address"
        ) from error
    chosen = Address(address.host, runner.addresses[0][1])
    logger.info("%s is served on http://%s:%d", what, chosen.host, chosen.port)
    return HttpServer(runner, chosen)
