"""What the API server was asked, read from its audit log while it grows.

start = audit.mark()
...
assert audit.since(start).where(user=operator.user).writes() == ()
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from tests.support.kube_request import WRITES
from tests.support.waiting import eventually

SETTLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """One request: of a watch its start, of any other its end.

    `resource` has the subresource in it, `at` is when the request came, in seconds since 1970.
    `allowed` is what the authorizer said: a 403 of an admission plugin has True.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    user: str
    as_user: str
    user_agent: str
    code: int
    allowed: bool
    at: float
    uri: str

    @property
    def is_write(self) -> bool:
        """Whether the request could change something."""
        return self.verb in WRITES

    def line(self) -> str:
        """One line for people."""
        where = f"{self.namespace}/{self.name}".strip("/")
        return f"{self.verb} {self.resource or self.uri} {where}".rstrip() + f" -> {self.code}"


class Requests(tuple[AuditRequest, ...]):
    """Requests in the order in which the audit log has them; each filter returns the same type."""

    __slots__ = ()

    def where(
        self,
        *,
        user: str | None = None,
        user_agent: str | None = None,
        verb: str | None = None,
        resource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        code: int | None = None,
    ) -> Self:
        """Those that fit all that is given; `user_agent` is how it begins, the rest is exact."""
        exact = {
            "user": user,
            "verb": verb,
            "resource": resource,
            "namespace": namespace,
            "name": name,
            "code": code,
        }
        wanted = [(field, value) for field, value in exact.items() if value is not None]
        return type(self)(
            request
            for request in self
            if request.user_agent.startswith(user_agent or "")
            and all(getattr(request, field) == value for field, value in wanted)
        )

    def not_by(self, user_agent: str) -> Self:
        """Those whose user agent begins otherwise."""
        return type(self)(r for r in self if not r.user_agent.startswith(user_agent))

    def writes(self, *, leases: bool = False) -> Self:
        """Those that could change something; of Leases only if asked for."""
        return type(self)(
            request for request in self if request.is_write and (leases or not _of_lease(request))
        )

    def lists(self) -> Self:
        """The lists of objects."""
        return self.where(verb="list")

    def without_leases(self) -> Self:
        """All but those of Leases."""
        return type(self)(request for request in self if not _of_lease(request))

    def counts(self) -> Counter[tuple[str, str]]:
        """How many there are by (verb, resource); absent ones count 0."""
        return Counter((request.verb, request.resource) for request in self)

    def text(self) -> str:
        """The requests as lines for people."""
        return "\n".join(request.line() for request in self)


class AuditLog:
    """The audit log at `path`, at level Metadata or above.

    The API server writes an entry a moment after the client has its answer. With `probe`, which
    must send one request whose address holds the given text, `mark` and `since` wait until all
    that was answered before is there.
    """

    def __init__(self, path: Path, probe: Callable[[str], object] | None = None) -> None:
        self._path = path
        self._probe = probe
        self._file: BinaryIO | None = None
        self._rest = b""
        self._begun: set[str] = set()
        self._requests: list[AuditRequest] = []

    def mark(self) -> int:
        """Remember this moment, for `since`."""
        self._settle()
        return len(self._requests)

    def since(self, mark: int = 0) -> Requests:
        """All requests after the mark."""
        self._settle()
        return Requests(self._requests[mark:])

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _settle(self) -> None:
        before = len(self._requests)
        self._read()
        if self._probe is None:
            return
        token = f"audit-probe-{secrets.token_hex(8)}"
        self._probe(token)
        eventually(lambda: self._seen(token, before), SETTLE_SECONDS, "the audit log to catch up")

    def _seen(self, token: str, start: int) -> bool:
        self._read()
        return any(token in request.uri for request in self._requests[start:])

    def _read(self) -> None:
        self._take(self._new_bytes())
        if self._rotated():
            self._take(self._new_bytes())
            self.close()
            self._take(self._new_bytes())

    def _new_bytes(self) -> bytes:
        if self._file is None:
            if not self._path.exists():
                return b""
            self._file = self._path.open("rb")
        return self._file.read()

    def _rotated(self) -> bool:
        if self._file is None:
            return False
        try:
            return os.fstat(self._file.fileno()).st_ino != self._path.stat().st_ino
        except FileNotFoundError:
            return False

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._requests.extend(self._requests_of(line))

    def _requests_of(self, line: bytes) -> Iterable[AuditRequest]:
        # A line may be torn where an API server was killed: it is no request then.
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if self._counts(entry):
            yield _parse(entry)

    def _counts(self, entry: dict[str, Any]) -> bool:
        """Tell whether the entry stands for its request: it ended, or it is a watch that began."""
        stage, number = entry.get("stage"), entry.get("auditID", "")
        if stage == "ResponseStarted" and entry.get("verb") == "watch":
            self._begun.add(number)
            return True
        if stage == "ResponseComplete" and number in self._begun:
            self._begun.discard(number)
            return False
        return stage == "ResponseComplete"


def _of_lease(request: AuditRequest) -> bool:
    return request.resource == "leases"


def _parse(entry: dict[str, Any]) -> AuditRequest:
    target = entry.get("objectRef") or {}
    resource, subresource = target.get("resource", ""), target.get("subresource", "")
    decision = (entry.get("annotations") or {}).get("authorization.k8s.io/decision", "")
    return AuditRequest(
        verb=entry.get("verb", ""),
        group=target.get("apiGroup", ""),
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        user=(entry.get("user") or {}).get("username", ""),
        as_user=(entry.get("impersonatedUser") or {}).get("username", ""),
        user_agent=entry.get("userAgent", ""),
        code=(entry.get("responseStatus") or {}).get("code", 0),
        allowed=decision == "allow",
        at=datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp(),
        uri=entry.get("requestURI", ""),
    )
