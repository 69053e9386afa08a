"""The port HttpClient with aiohttp: one request, bounded in time and bytes, to an allowed address."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from ebbflow import __version__
from ebbflow.domain.addresses import check_request_url, why_forbidden
from ebbflow.domain.git import AddressNotAllowed
from ebbflow.domain.http import HttpAnswer, HttpClient, HttpError, HttpRequest
from ebbflow.domain.secret import Tainted, revealed

SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 10.0
MOST_REDIRECTS: Final = 5
CONNECTIONS: Final = 64
NAME_THREADS: Final = 2
KEPT_AUTHORITIES: Final = 64

_KEEP_METHOD: Final = (307, 308)
_TO_GET: Final = (301, 302, 303)

_HIDDEN_ADDRESS: Final = (
    "the address in the Secret cannot be used: it must be https://host/path (http only where the "
    "operator allows it), without user and password, of a host where the operator may connect"
)

NameLookUp = Callable[[str, int], tuple[str, ...]]


class AioHttpClient(HttpClient):
    """Requests of all documents. To be made and closed within the event loop that uses it.

    look_up: from a host's name and port to numeric addresses; raises OSError. It may block.
    """

    def __init__(
        self,
        allowed_hosts: Collection[str],
        look_up: NameLookUp,
        *,
        allow_insecure_http: bool,
        seconds: float = SECONDS,
    ) -> None:
        self._allowed_hosts = tuple(allowed_hosts)
        self._allow_insecure_http = allow_insecure_http
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(NAME_THREADS, "http-names")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Resolver(look_up, self._threads), limit=CONNECTIONS, ttl_dns_cache=None
            ),
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"ebbflow/{__version__}"},
        )

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        await self._session.close()
        self._threads.shutdown(wait=False)

    @override
    async def send(self, request: HttpRequest) -> HttpAnswer:
        url: str = revealed(request.url)
        data, headers = _body(request.body)
        # What the document says wins over what follows from the body.
        given = {name.title(): revealed(value) for name, value in request.headers.items()}
        try:
            async with asyncio.timeout(self._seconds):
                return await self._send(request, url, headers | given, data)
        except AddressNotAllowed as error:
            words = _HIDDEN_ADDRESS if isinstance(request.url, Tainted) else str(error)
            raise HttpError(words, final=True) from error
        except _Forbidden as error:
            words = f"{_place(url)}: {error}; the operator never connects there"
            raise HttpError(words, final=True) from error
        except TimeoutError as error:
            raise HttpError(f"{_place(url)} did not answer within {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise HttpError(f"{_place(url)}: {_why(error)}") from error

    async def _send(
        self, request: HttpRequest, url: str, headers: dict[str, str], data: bytes | None
    ) -> HttpAnswer:
        tls = _trust(request.ca_bundle)
        for _ in range(MOST_REDIRECTS + 1):
            check_request_url(
                url, allow_insecure_http=self._allow_insecure_http, hosts=self._allowed_hosts
            )
            async with self._session.request(
                request.method,
                URL(url, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                ssl=tls,
            ) as response:
                target = _redirect(request.method, url, response)
                if target is None:
                    return await _answer(url, response, request.max_bytes)
            url = target
        raise HttpError(f"{_place(url)} redirects more than {MOST_REDIRECTS} times", final=True)


class _Forbidden(Exception):
    """A name leads to an address where nobody may connect to."""


class _Resolver(AbstractResolver):
    """Checks every address that a name leads to; the connection is made to one of these."""

    def __init__(self, look_up: NameLookUp, threads: ThreadPoolExecutor) -> None:
        self._look_up = look_up
        self._threads = threads

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._look_up, host, port)
        for address in found:
            reason = why_forbidden(address)
            if reason is not None:
                raise _Forbidden(f"the name {host} leads to {address}, {reason}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    @override
    async def close(self) -> None:
        """Nothing to close."""


@lru_cache(KEPT_AUTHORITIES)
def _trust(ca_bundle: str | None) -> ssl.SSLContext | bool:
    """Return what to check certificates with. Raises HttpError for a bundle that holds none.

    Kept, because aiohttp goes on using a connection only for the very same context.
    """
    if ca_bundle is None:
        return True
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cadata=ca_bundle)
    except (ssl.SSLError, ValueError) as error:
        raise HttpError(
            "caBundle holds no certificates that can be read; give PEM texts, each from BEGIN "
            "CERTIFICATE to END CERTIFICATE",
            final=True,
        ) from error
    return context


def _body(body: Any) -> tuple[bytes | None, dict[str, str]]:
    plain = revealed(body)
    if plain is None:
        return None, {}
    if isinstance(plain, str):
        return plain.encode(), {"Content-Type": "text/plain; charset=utf-8"}
    return json.dumps(plain).encode(), {"Content-Type": "application/json"}


def _redirect(method: str, url: str, response: aiohttp.ClientResponse) -> str | None:
    """Return where to go on; None if this is the answer. Raises HttpError for other origins."""
    location = response.headers.get("Location")
    reads = method in ("GET", "HEAD")
    follow = response.status in _KEEP_METHOD or (reads and response.status in _TO_GET)
    if location is None or not follow:
        return None
    target = urljoin(url, location)
    if _origin(target) != _origin(url):
        raise HttpError(
            f"{_place(url)} redirects to another place, {_place(target)}; credentials are not taken"
            " there: use that address if it is right",
            final=True,
        )
    return target


def _place(url: str) -> str:
    """Return scheme, host and port: a path may be a secret too, as in the webhooks of chats."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


async def _answer(url: str, response: aiohttp.ClientResponse, max_bytes: int) -> HttpAnswer:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > max_bytes:
            raise HttpError(
                f"the answer of {_place(url)} has more than {max_bytes} bytes", final=True
            )
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    return HttpAnswer(response.status, headers, bytes(body))


def _why(error: Exception) -> str:
    """Say why there is no answer; nothing of the address's query is repeated."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted"
        case aiohttp.ClientConnectorDNSError():
            return "its name cannot be resolved"
        case aiohttp.ClientConnectorError():
            return f"no connection ({error.os_error.strerror or 'refused'})"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "the connection was closed without an answer"
        case _:
            return f"no usable answer ({type(error).__name__})"
