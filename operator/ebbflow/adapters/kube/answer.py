"""What the API server answered, and which error that is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.conditions import clip
from ebbflow.domain.one_line import one_line
from ebbflow.domain.ports import ClusterError, StaleWrite

MAX_WORDS: Final = 512
"""Characters of the server's words in an error: refusals repeat what was sent."""

LONGEST_RETRY_AFTER: Final = 3600.0


class ObjectMissing(ClusterError):
    """404 for the object. A kind that is not installed is a plain ClusterError instead."""


class ObjectExists(StaleWrite):
    """409 to a create: the name is taken. Other conflicts, of a quota for one, are StaleWrites."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, whole."""

    status: int
    body: bytes
    retry_after: float | None = None  # seconds

    @property
    def ok(self) -> bool:
        """Whether the request was done."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


def read_retry_after(header: str | None) -> float | None:
    """Read a Retry-After header, in seconds (the API server never sends dates); None without."""
    if header is None or not header.strip().isdecimal():
        return None
    return min(float(header), LONGEST_RETRY_AFTER)


def content(answer: Answer, what: str) -> JsonObject:
    """Return the JSON object of an answer.

    Raises StaleWrite for 409 (ObjectExists where a name is taken), ObjectMissing for a 404 that names the object, ClusterError else.
    `what` says what was asked for, such as `get secrets default/git`.
    """
    if not answer.ok:
        raise _error(answer, what)
    try:
        parsed = json.loads(answer.body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ClusterError(f"cannot {what}: the answer is not JSON", code=answer.status)
    return parsed


def _error(answer: Answer, what: str) -> ClusterError:
    status = _status_object(answer.body)
    text = f"cannot {what}: {_words(answer, status)} (HTTP {answer.status})"
    after = None if answer.retry_after is None else timedelta(seconds=answer.retry_after)
    details = status.get("details")
    named = isinstance(details, dict) and bool(details.get("name"))
    if answer.status == HTTPStatus.CONFLICT:
        kind = ObjectExists if status.get("reason") == "AlreadyExists" else StaleWrite
        return kind(text, code=answer.status, retry_after=after)
    if answer.status == HTTPStatus.NOT_FOUND and named:
        return ObjectMissing(text, code=answer.status, retry_after=after)
    return ClusterError(text, code=answer.status, retry_after=after)


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) and parsed.get("kind") == "Status" else {}


def _words(answer: Answer, status: dict[str, Any]) -> str:
    """The server's message in one printable line, bounded. Bodies that are no Status are not
    repeated: they come from something in between, and could be anything.
    """
    line = one_line(str(status.get("message") or ""))
    if line:
        return clip(line, MAX_WORDS)
    if answer.status == HTTPStatus.NOT_FOUND:
        return "the API server does not know this kind; install the CustomResourceDefinitions"
    try:
        return HTTPStatus(answer.status).phrase
    except ValueError:
        return "no reason given"
