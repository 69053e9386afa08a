"""One watch on objects of a kind, read as names and versions; it ends, and the caller goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp

from ebbflow.adapters.kube.client import KubeClient

SERVER_SECONDS: Final = 240
"""How long the API server keeps a watch open."""

SILENCE_SECONDS: Final = 90.0
"""Without a bookmark for so long a watch is taken for dead; they come about once a minute."""

METADATA_ONLY: Final = (
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
)
"""Only names and versions are of interest: a status may be large and change often."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The watch is in place."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object was there at the start, or was made, changed or deleted."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Nothing happened up to this version."""

    version: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The version to go on from is too old: begin anew."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The watch was not accepted, or broke; `code` is the HTTP status, 0 for no answer."""

    code: int


Happening = Begun | Seen | Bookmark | Expired | Refused


async def watch_objects(
    client: KubeClient, path: str, selector: dict[str, str], user: str, version: str
) -> AsyncGenerator[Happening]:
    """Watch a collection as `user`, from `version` on (empty: all that is there comes first).

    Ends quietly when the API server ends the watch. Never raises for what the server says.
    """
    query = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(SERVER_SECONDS)}
    query |= selector | ({"resourceVersion": version} if version else {})
    try:
        async with client.stream(
            path, query, impersonate=user, accept=METADATA_ONLY, silence=SILENCE_SECONDS
        ) as response:
            if response.status != HTTPStatus.OK:
                yield Expired() if response.status == HTTPStatus.GONE else Refused(response.status)
                return
            yield Begun()
            async for happening in _read(response):
                yield happening
    except (aiohttp.ClientError, OSError):
        yield Refused(0)


async def _read(response: aiohttp.ClientResponse) -> AsyncIterator[Happening]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            happening = _happening(line)
            if happening is not None:
                yield happening


def _happening(line: bytes) -> Happening | None:
    try:
        event = json.loads(line)
        raw = event["object"]
        if event["type"] == "ERROR":
            return Expired() if raw.get("code") == HTTPStatus.GONE else Refused(raw.get("code", 0))
        metadata = raw["metadata"]
        version = str(metadata.get("resourceVersion", ""))
        return (
            Bookmark(version)
            if event["type"] == "BOOKMARK"
            else Seen(str(metadata["name"]), version)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # a torn line: the watch breaks off anyway
