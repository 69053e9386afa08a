"""A delivery as it came, and what can be made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

Headers = Mapping[str, str]
"""Headers of a request, their names in lower case."""

MAX_ID = 200
"""Characters of a delivery's id that are kept: with what goes with them they fit a status."""

_DIGEST = 32
"""Hexadecimal digits that stand for the rest of a longer id."""

MAX_REFS = 100
"""Refs that a hint names; what a delivery names beyond that is found by looking at the repository."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request of a provider: its headers, and its body as the bytes that were signed."""

    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened in a repository. `repositories`: its addresses, as the provider has them.

    `refs` are whole names, such as refs/heads/main, and pull/12 for a pull request. Both are for
    people, and for where to look; they are never believed.
    """

    repositories: tuple[str, ...]
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ping:
    """The provider tries whether the webhook works; `repositories` as in a Hint, if it names one."""

    repositories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unimportant:
    """Nothing that anything waits for; `event` is the provider's word for it."""

    event: str


Event = Hint | Ping | Unimportant


class Unsupported(ValueError):
    """The body is of a form that is not read; the text says what to send instead."""


class Malformed(ValueError):
    """The body is not what the provider's header says that it is; the text says what is wrong."""


def kept_id(sent: str) -> str:
    """Return a delivery's id as it is kept. Two ids that differ are kept as two, however long."""
    if len(sent) <= MAX_ID:
        return sent
    digest = hashlib.sha256(sent.encode(errors="replace")).hexdigest()[:_DIGEST]
    return f"{sent[: MAX_ID - _DIGEST - 1]}…{digest}"
