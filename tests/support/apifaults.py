"""What the API proxy can do to a request: predicates, actions, and rules that join the two."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from tests.support.kube_request import Target

_REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(slots=True)
class Request:
    """One request that reached the proxy. `status` and the byte counts grow while it is served."""

    number: int
    write: int | None
    method: str
    path: str
    query: str
    target: Target
    user_agent: str
    as_user: str
    at: float
    sent: int = 0
    received: int = 0
    status: int | None = None
    fate: str = ""

    @property
    def verb(self) -> str:
        """As RBAC names it."""
        return self.target.verb

    @property
    def resource(self) -> str:
        """The resource with its subresource, such as `templates/status`."""
        return self.target.full_resource

    def line(self) -> str:
        """One line for people."""
        where = f"{self.target.namespace}/{self.target.name}".strip("/")
        what = f"{self.verb} {self.resource or self.path} {where}".rstrip()
        return f"{self.number:4} {what} -> {self.status or '-'} {self.fate}".rstrip()

    def as_json(self) -> dict[str, Any]:
        """The record as one JSON object of a trace."""
        return {
            "number": self.number,
            "write": self.write,
            "at": round(self.at, 6),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "verb": self.verb,
            "group": self.target.group,
            "resource": self.resource,
            "namespace": self.target.namespace,
            "name": self.target.name,
            "userAgent": self.user_agent,
            "asUser": self.as_user,
            "sent": self.sent,
            "received": self.received,
            "status": self.status,
            "fate": self.fate,
        }


Match = Callable[[Request], bool]


def matching(
    *,
    verb: str | tuple[str, ...] | None = None,
    resource: str | tuple[str, ...] | None = None,
    namespace: str | None = None,
    name: str | None = None,
    writes: bool | None = None,
) -> Match:
    """Make a predicate; what is not given matches everything.

    `resource` is exact: `templates` leaves out `templates/status`. `writes=True` takes every verb
    that changes something, `writes=False` every other.
    """
    verbs = (verb,) if isinstance(verb, str) else verb
    resources = (resource,) if isinstance(resource, str) else resource

    def match(request: Request) -> bool:
        return (
            (verbs is None or request.verb in verbs)
            and (resources is None or request.resource in resources)
            and (namespace is None or request.target.namespace == namespace)
            and (name is None or request.target.name == name)
            and (writes is None or request.target.is_write == writes)
        )

    return match


@dataclass(frozen=True, slots=True)
class Pass:
    """Let the request or its answer through."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Reset the client's connection without an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with a Kubernetes Status of this code; `retry_after` is in seconds."""

    code: int
    message: str = "injected by the test"
    retry_after: int | None = None

    def body(self) -> bytes:
        """The Status object as JSON."""
        return json.dumps(status_object(self.code, self.message, self.retry_after)).encode()


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold the request (or its answer) until the event is set, then let it through."""

    until: threading.Event


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function in a thread of its own, such as a kill -9 of the operator, then go on.

    After a kill say `then=Cut()`: whether a dead client's request still arrives is else a race.
    """

    function: Callable[[Request], object]
    then: Pass | Cut | Answer = Pass()


Action = Pass | Cut | Answer | Delay | Call
Phase = Literal["before", "after"]


@dataclass(slots=True, eq=False)
class Rule:
    """An action for the matching requests of one phase; also a context manager that removes it.

    Of the matching requests the first `skip` pass, then every `every`-th is hit, `times` in all.
    """

    match: Match
    action: Action
    phase: Phase
    skip: int = 0
    every: int = 1
    times: int | None = None
    seen: int = 0
    fired: int = 0
    removed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def takes(self, request: Request, phase: Phase) -> bool:
        """Count the request, and tell whether the action is for it."""
        if self.removed or phase != self.phase or not self.match(request):
            return False
        with self._lock:
            self.seen += 1
            turn = self.seen - self.skip
            spent = self.times is not None and self.fired >= self.times
            if turn < 1 or turn % self.every or spent:
                return False
            self.fired += 1
            return True

    def remove(self) -> None:
        """Stop: the rule takes no further request."""
        self.removed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


def status_object(code: int, message: str, retry_after: int | None = None) -> dict[str, Any]:
    """Make a failed metav1.Status as the API server writes it."""
    details = {} if retry_after is None else {"details": {"retryAfterSeconds": retry_after}}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": _REASONS.get(code, "Unknown"),
        "code": code,
    } | details


def error_line(code: int, message: str) -> bytes:
    """Make the line by which the API server ends a watch that failed (410, 500, ...)."""
    event = {"type": "ERROR", "object": status_object(code, message)}
    return json.dumps(event).encode() + b"\n"
