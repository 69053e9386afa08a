"""What the receiver hands on, and what it gets back to answer with."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Protocol

from ebbflow.api.base import JsonObject
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.delivery import Delivery, Malformed, Unsupported

MAX_BODY: Final = 1024 * 1024
"""Bytes of a delivery's body."""


@dataclass(frozen=True, slots=True)
class RunCall:
    """A call of a keyed trigger: which one, the key that was sent, and what came with it.

    `query`: parameters in their order.
    """

    namespace: str
    kind: str
    name: str
    key: Tainted
    query: tuple[tuple[str, str], ...]
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: a status, and JSON for people who look at their provider's log.

    `outcome`: one word for the metrics. `retry_after`: when it may come again, if it was too much.
    """

    status: HTTPStatus
    outcome: str
    body: JsonObject = field(default_factory=dict)
    retry_after: timedelta | None = None


class Receiving(Protocol):
    """Who answers deliveries. Neither method raises for anything that a stranger sends."""

    def git(self, account_id: str, delivery: Delivery) -> Awaitable[Answer]:
        """Answer a delivery to the account of this id."""
        ...

    def run(self, call: RunCall) -> Awaitable[Answer]:
        """Answer a call of a keyed trigger."""
        ...


def said(status: HTTPStatus, outcome: str, message: str) -> Answer:
    """Return an answer of one sentence."""
    return Answer(status, outcome, {"message": message})


def unreadable(error: Unsupported | Malformed) -> Answer:
    """Return the answer to a body that cannot be read: 415 for its form, 400 for what it says."""
    match error:
        case Unsupported():
            return said(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "wrong-type", str(error))
        case Malformed():
            return said(HTTPStatus.BAD_REQUEST, "malformed", str(error))


def unavailable(message: str, after: timedelta = timedelta(seconds=5)) -> Answer:
    """Return the answer that it cannot be done now: the sender should come again."""
    answer = said(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", message)
    return replace(answer, retry_after=after)


def too_many(message: str, after: timedelta) -> Answer:
    """Return the answer that the sender comes too often."""
    answer = said(HTTPStatus.TOO_MANY_REQUESTS, "too-many", f"{message}; come again later")
    return replace(answer, retry_after=after)
