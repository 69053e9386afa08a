"""The log of one container as the API server streams it: lines, over connections that break off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp

from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import JsonObject
from ebbflow.cli.session import Session
from ebbflow.domain.ports import ClusterError

SILENCE_SECONDS: Final = 300.0
"""A program may write nothing for long; after this time the connection is opened again."""

MAX_REFUSAL: Final = 64 * 1024
_ANY: Final = "*/*"


@dataclass(frozen=True, slots=True)
class PodContainer:
    """One container of a pod in the session's namespace."""

    pod: str
    container: str


class NotThere(Exception):
    """There is no log (any more): the pod is gone, or its container never ran."""


class NotYet(Exception):
    """The container has not started; the text is the API server's."""


async def log_lines(
    session: Session, target: PodContainer, *, follow: bool, tail: int | None
) -> AsyncIterator[bytes]:
    """Yield the lines of a container's log without their line breaks; with `follow` to its end.

    Raises NotThere, NotYet, and ClusterError.
    """
    since = ""
    while True:
        try:
            async for moment, line in _lines(session, target, since, follow=follow, tail=tail):
                if moment > since:
                    yield line
                    since = moment
        except (aiohttp.ClientError, OSError):
            # Where the last line ended is known, so nothing is lost and nothing said twice.
            await session.pause(1.0)
            tail = None if since else tail
            continue
        return


async def _lines(
    session: Session, target: PodContainer, since: str, *, follow: bool, tail: int | None
) -> AsyncIterator[tuple[str, bytes]]:
    """Yield lines with their times (RFC 3339, so that they sort as texts), from `since` on."""
    query = {"container": target.container, "timestamps": "true"}
    query |= {"follow": "true"} if follow else {}
    query |= {"sinceTime": since} if since else {}
    query |= {"tailLines": str(tail)} if tail is not None else {}
    path = f"/api/v1/namespaces/{segment(session.namespace)}/pods/{segment(target.pod)}/log"
    async with session.client.stream(
        path, query, impersonate=None, accept=_ANY, silence=SILENCE_SECONDS
    ) as response:
        if response.status != HTTPStatus.OK:
            raise _refusal(response.status, await response.content.read(MAX_REFUSAL), target)
        rest = b""
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield _timed(line)
        if rest:
            yield _timed(rest)


def _timed(line: bytes) -> tuple[str, bytes]:
    moment, _, text = line.partition(b" ")
    # Nanoseconds are written without the zeros at their end, which would not sort as texts.
    whole, _, fraction = moment.decode(errors="replace").rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}Z", text


def _refusal(status: int, body: bytes, target: PodContainer) -> Exception:
    words = _words(body) or f"HTTP {status}"
    if status == HTTPStatus.NO_CONTENT:
        # So the API server answers while the pod is on no node (its LogLocation).
        return NotYet("the pod is on no node yet")
    if status == HTTPStatus.NOT_FOUND:
        return NotThere(words)
    if status == HTTPStatus.BAD_REQUEST and "waiting to start" in words:
        return NotYet(words)
    return ClusterError(f"cannot read the log of {target.pod}: {words}", code=status)


def _words(body: bytes) -> str:
    try:
        found: JsonObject = json.loads(body)
    except ValueError:
        return ""
    return str(found.get("message") or "") if isinstance(found, dict) else ""
