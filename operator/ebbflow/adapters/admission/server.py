"""The HTTPS server that the API server sends admission reviews to."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from ebbflow.adapters.admission.credentials import Credentials
from ebbflow.adapters.probes import CannotListen
from ebbflow.api.base import JsonObject
from ebbflow.settings import Address

PATH: Final = "/admission/mutate"
MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes: a review carries the old and the new object, each up to etcd's 1.5 MiB and as JSON more."""

CONCURRENCY: Final = 8
"""Reviews worked on at once; more wait, which bounds the memory that they take."""

SHUTDOWN: Final = 2.0
"""Seconds that reviews under way get when the server stops; the API server waits no longer."""

Reply = Callable[[bytes], Awaitable[JsonObject]]
"""From the body of a review to its answer; raises ValueError if the body is no review."""

logger = logging.getLogger(__name__)


class AdmissionServer:
    """One server. It answers only callers that know the path, and only once it has credentials."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._credentials: Credentials | None = None
        self._runner: web.AppRunner | None = None
        self.port: int | None = None  # None: it does not listen

    def use(self, credentials: Credentials) -> None:
        """Serve with these from the next connection on."""
        if credentials == self._credentials:
            return
        # Python's ssl reads keys from files only; the directory is nobody else's to read.
        with tempfile.TemporaryDirectory(prefix="ebbflow-") as directory:
            file = Path(directory) / "pair.pem"
            file.touch(mode=0o600)
            file.write_text(credentials.certificate + credentials.certificate_key)
            self._context.load_cert_chain(file)
        self._credentials = credentials

    async def listen(self, address: Address) -> None:
        """Listen, with the credentials in use; raises CannotListen."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post(f"{PATH}/{{token}}", self._answer)
        # What is left of a refused body is not waited for.
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN, lingering_time=0
        )
        await runner.setup()
        site = web.TCPSite(runner, address.host, address.port, ssl_context=self._context)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise CannotListen(
                f"cannot listen on {address.host}:{address.port} for admission: "
                f"{error.strerror or error}; choose another with --admission-address"
            ) from error
        self._runner = runner
        self.port = runner.addresses[0][1]
        logger.info("admission reviews are answered on https://%s:%d", address.host, self.port)

    async def stop(self) -> None:
        """Stop listening and let reviews under way finish."""
        self.port = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        token = request.match_info["token"].encode()
        known = self._credentials
        if known is None or not hmac.compare_digest(token, known.path_token.encode()):
            raise web.HTTPNotFound
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="send an AdmissionReview as application/json")
        async with self._slots:
            body = await request.read()
            try:
                answer = await self._reply(body)
            except ValueError:
                raise web.HTTPBadRequest(text="this is no AdmissionReview") from None
        return web.Response(text=json.dumps(answer), content_type="application/json")
