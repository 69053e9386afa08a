"""Requests that documents make: the port, and its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol

from ebbflow.domain.secret import Tainted

MAX_ANSWER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `body`: a text is sent as it is, any other JSON value as JSON, None is none.

    Address, headers and body may hold secrets. `ca_bundle`: PEM certificates to trust beside the
    system's. `max_bytes`: of the answer, as it is unpacked.
    """

    method: str
    url: str | Tainted
    headers: Mapping[str, str | Tainted] = field(default_factory=dict)
    body: Any = None
    ca_bundle: str | None = None
    max_bytes: int = MAX_ANSWER_BYTES


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was successful (RFC 9110, 15.3)."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class HttpError(Exception):
    """No usable answer. The text says why, without credentials and without the address's query.

    `final`: another attempt would end the same way.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class HttpClient(Protocol):
    """Sends requests to where documents may send them."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send a request once, and return the answer, whatever its status.

        Redirects are followed within the origin only. Raises HttpError for an address that is not
        allowed, where nobody answers in time, and for an answer of more than `max_bytes`.
        """
        ...
