"""HTTP to one server: pinned addresses, own pools, no configuration of the machine.

No proxy variables, no .netrc, no git configuration is read. A connection goes to the address that
was checked, while Host and the TLS name stay the URL's: a name cannot resolve to something else
between the check and the connection.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

import urllib3
import urllib3.exceptions
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from ebbflow import __version__
from ebbflow.adapters.git import errors
from ebbflow.adapters.git.limits import Timeouts
from ebbflow.adapters.git.operation import Operation
from ebbflow.domain.addresses import redact
from ebbflow.domain.git import AddressNotAllowed, BasicCredential, InvalidRequest, Remote, SshKey

MAX_REDIRECTS: Final = 3
MAX_POOLS: Final = 64
WORDS_BYTES: Final = 2048
# Hosts tell Git clients from browsers by the first word.
USER_AGENT: Final = f"git/ebbflow/{__version__}"
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ssh": 22}

Body = bytes | Iterator[bytes] | None
Origin = tuple[str, str, int]

_current = threading.local()


def origin_of(url: str) -> Origin:
    """Return scheme, host and port of an address that was checked before."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return parts.scheme, host, parts.port or DEFAULT_PORTS.get(parts.scheme, 0)


class Pools:
    """Open connections, kept for the next operation; one pool for each origin and caBundle."""

    def __init__(self, timeouts: Timeouts, size: int) -> None:
        self._timeout = urllib3.Timeout(connect=timeouts.connect, read=timeouts.read)
        self._size = size
        self._pools: OrderedDict[tuple[Origin, str], HTTPConnectionPool] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, remote: Remote) -> HTTPConnectionPool:
        """Return the pool for a remote's server.

        Raises:
            InvalidRequest: the remote's certificates cannot be read.
        """
        digest = hashlib.sha256((remote.ca_bundle or "").encode()).hexdigest()
        key = (origin_of(remote.url), digest)
        with self._lock:
            pool = self._pools.pop(key, None) or self._open(key[0], remote.ca_bundle)
            self._pools[key] = pool
            if len(self._pools) > MAX_POOLS:
                self._pools.popitem(last=False)[1].close()
        return pool

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            while self._pools:
                self._pools.popitem()[1].close()

    def _open(self, origin: Origin, ca_bundle: str | None) -> HTTPConnectionPool:
        scheme, host, port = origin
        if scheme == "http":
            return _HTTPPool(host, port, timeout=self._timeout, maxsize=self._size)
        return _HTTPSPool(
            host,
            port,
            timeout=self._timeout,
            maxsize=self._size,
            ssl_context=_tls_context(ca_bundle),
        )


class Answer:
    """The body of a response, counted against the operation's budget."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str, operation: Operation) -> None:
        self._response = response
        self._operation = operation
        self.url: Final = url
        self.content_type: Final = response.headers.get("Content-Type")

    def read(self, count: int | None = None) -> bytes:
        """Return the next bytes, `count` of them unless the body ends before.

        Raises:
            TooLarge: the operation received more than it may.
        """
        data = self._response.read(count, decode_content=False)
        self._operation.receive(len(data))
        return data

    def __enter__(self) -> Self:
        """Return the answer, to be read."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the connection back after a good answer; close it after a failure."""
        if kind is None:
            self.close()
        else:
            self._response.close()

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        try:
            # Only the end of the chunked encoding is left in a good answer.
            finished = not self._response.read(1, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError):
            finished = False
        if not finished:
            self._response.close()
        self._response.release_conn()


class Connection:
    """The HTTP side of one operation on one remote; used by one thread."""

    def __init__(self, remote: Remote, pool: HTTPConnectionPool, operation: Operation) -> None:
        self.remote: Final = remote
        self.operation: Final = operation
        self._pool = pool
        self._origin = origin_of(remote.url)
        self._authorization = _authorization(remote)

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """GET, following redirects that stay at the origin; the answer knows its last address.

        Raises:
            GitError: for every status but 200, and for a redirect to another origin.
        """
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send("GET", url, headers, None, again=True)
            if response.status not in REDIRECTS:
                return self._checked(response, url)
            location = response.headers.get("Location", "")
            response.drain_conn() if location else response.close()
            url = self._redirected(url, location)
        raise AddressNotAllowed(
            f"The Git server redirects {redact(self.remote.url)} again and again."
            " Use the address that it ends at."
        )

    def post(self, url: str, headers: Mapping[str, str], body: Body, *, again: bool) -> Answer:
        """POST; `again`: it may be sent twice where a kept connection turns out to be closed.

        Raises:
            GitError: for every status but 200, redirects included.
        """
        response = self._send("POST", url, headers, body, again=again)
        if response.status in REDIRECTS:
            response.close()
            self._redirected(url, response.headers.get("Location", ""))
        return self._checked(response, url)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, *, again: bool
    ) -> urllib3.BaseHTTPResponse:
        opened = self.operation.connections_opened
        try:
            return self._send_once(method, url, headers, body)
        except urllib3.exceptions.ProtocolError:
            # Closed by the server while it lay idle: the request never reached anybody.
            kept = self.operation.connections_opened == opened
            if not (again and kept) or self.operation.expired:
                raise
        return self._send_once(method, url, headers, body)

    def _send_once(
        self, method: str, url: str, headers: Mapping[str, str], body: Body
    ) -> urllib3.BaseHTTPResponse:
        if origin_of(url) != self._origin:  # a second wall; get and post refuse it with words
            raise AddressNotAllowed("The Git server led to another origin.")
        sent = {"User-Agent": USER_AGENT, "Pragma": "no-cache", **headers}
        if self._authorization is not None:
            sent["Authorization"] = self._authorization
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        _current.operation = self.operation
        return self._pool.urlopen(
            method,
            target,
            body=body,
            headers=sent,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _checked(self, response: urllib3.BaseHTTPResponse, url: str) -> Answer:
        if response.status == HTTPStatus.OK:
            return Answer(response, url, self.operation)
        kind = response.headers.get("Content-Type", "")
        said = response.read(WORDS_BYTES, decode_content=False)
        response.close()
        words = said.decode("utf-8", "replace") if kind.startswith("text/plain") else ""
        raise errors.for_status(
            self.remote,
            response.status,
            response.headers,
            words,
            writing="receive-pack" in url,
        )

    def _redirected(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if origin_of(target) != self._origin:
            scheme, host, _ = origin_of(target)
            raise AddressNotAllowed(
                f"The Git server redirects {redact(self.remote.url)} to another origin,"
                f" {redact(target) if host else location!r} ({scheme})."
                " Credentials are never sent there. If that is where the repository is now,"
                " use its address."
            )
        return target


def _watched_request(connection: HTTPConnection) -> None:
    operation: Operation = _current.operation
    if connection.sock is not None:
        operation.watch(connection.sock)


def _connect(connection: HTTPConnection) -> socket.socket:
    operation: Operation = _current.operation
    failure: OSError | None = None
    for address in operation.addresses:
        try:
            sock = create_connection(
                (address, connection.port),
                connection.timeout,
                socket_options=connection.socket_options,
            )
        except OSError as error:
            failure = error
            continue
        operation.connections_opened += 1
        operation.watch(sock)
        return sock
    if isinstance(failure, TimeoutError):
        raise urllib3.exceptions.ConnectTimeoutError(connection, "timed out") from failure
    raise urllib3.exceptions.NewConnectionError(connection, "no connection") from failure


class _PinnedHTTP(HTTPConnection):
    @override
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    @override
    def request(self, *args: Any, **kwargs: Any) -> None:
        _watched_request(self)
        super().request(*args, **kwargs)


class _PinnedHTTPS(HTTPSConnection):
    @override
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    @override
    def request(self, *args: Any, **kwargs: Any) -> None:
        _watched_request(self)
        super().request(*args, **kwargs)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _PinnedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PinnedHTTPS


def _authorization(remote: Remote) -> str | None:
    match remote.credential:
        case None:
            return None
        case BasicCredential(username, password):
            pair = f"{username}:{password.reveal()}"
            return "Basic " + base64.b64encode(pair.encode()).decode()
        case SshKey():
            raise errors.wrong_kind(remote)


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_bundle is None:
        return context
    try:
        context.load_verify_locations(cadata=ca_bundle)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidRequest(
            "The GitAccount's spec.caBundle holds no certificates that can be read."
            " Give PEM texts, each from BEGIN CERTIFICATE to END CERTIFICATE."
        ) from error
    return context
