"""Git over HTTP (gitprotocol-http(5)): a request for each command, and dulwich's client for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from dulwich.client import AbstractHttpGitClient
from typing_extensions import override

from ebbflow.adapters.git import errors
from ebbflow.adapters.git.link import UPLOAD_PACK, Link, Read
from ebbflow.adapters.git.operation import Operation
from ebbflow.adapters.git.transport import Answer, Connection
from ebbflow.domain.git import Remote

ADVERTISED: Final = "/info/refs?service="
VERSION_2: Final = {"Git-Protocol": "version=2"}


class HttpLink(Link):
    """HTTP requests to one repository. What one operation learnt of the server, the next may use."""

    spares_discovery = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    @override
    def remote(self) -> Remote:
        return self._connection.remote

    @property
    @override
    def operation(self) -> Operation:
        return self._connection.operation

    @override
    @contextmanager
    def advertisement(self) -> Iterator[tuple[Read, str]]:
        start = self.remote.url.rstrip("/")
        tail = ADVERTISED + UPLOAD_PACK
        with self._connection.get(start + tail, {"Accept": "*/*", **VERSION_2}) as answer:
            if answer.content_type != f"application/x-{UPLOAD_PACK}-advertisement":
                raise errors.not_git(self.remote, answer.content_type)
            base = answer.url.removesuffix(tail) if answer.url.endswith(tail) else start
            yield answer.read, base

    @override
    @contextmanager
    def command(self, base: str, body: bytes) -> Iterator[Read]:
        wanted = f"application/x-{UPLOAD_PACK}-result"
        kind = f"application/x-{UPLOAD_PACK}-request"
        headers = {"Content-Type": kind, "Accept": wanted, **VERSION_2}
        with self._connection.post(f"{base}/{UPLOAD_PACK}", headers, body, again=True) as answer:
            if (answer.content_type or "").partition(";")[0] != wanted:
                raise errors.not_git(self.remote, answer.content_type)
            yield answer.read

    @override
    def client(self) -> AbstractHttpGitClient:
        return _Client(self._connection)

    @override
    def close(self) -> None:
        return  # connections are kept for the next operation


class _Client(AbstractHttpGitClient):
    """dulwich's client; only how a request is sent is ours."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.remote.url, quiet=True, thin_packs=False)
        self._connection = connection

    @override
    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[Any, Callable[[int], bytes]]:
        if data is None:
            answer = self._connection.get(url, headers or {})
            if not (answer.content_type or "").startswith("application/x-git-"):
                answer.close()
                raise errors.not_git(self._connection.remote, answer.content_type)
        else:
            # A push may have been taken although no answer came: it is never sent twice.
            answer = self._connection.post(url, headers or {}, data, again=False)
        return _Response(answer, url), answer.read


class _Response:
    """What dulwich asks of a response beside its bytes."""

    def __init__(self, answer: Answer, url: str) -> None:
        self._answer = answer
        self.content_type = answer.content_type
        self.redirect_location = answer.url if answer.url != url else ""

    def close(self) -> None:
        self._answer.close()
