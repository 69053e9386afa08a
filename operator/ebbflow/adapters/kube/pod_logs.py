"""The port `PodLogs` on the real API server: the end of a log, and warnings about objects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import aiohttp
from typing_extensions import override

from ebbflow.adapters.kube.answer import Answer, read_retry_after
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.discovery import Served
from ebbflow.adapters.kube.object_errors import Attempt, error_of, read_refusal
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.domain.health_verdict import items, mapping, text
from ebbflow.domain.objects import Account, Busy, ObjectId
from ebbflow.domain.pods.log_tail import TAIL_LINES, readable
from ebbflow.domain.pods.logs import Container, PodLogs
from ebbflow.domain.ports import ClusterError

ASKED_BYTES: Final = 64 * 1024
"""What one request brings. The server counts from the first of the lines that were asked for, so
where it cuts, fewer lines are asked for; the kubelet keeps lines of 16 KiB at most.
"""

SILENCE_SECONDS: Final = 20.0

SETTLING_SECONDS: Final = 1.0
"""How long is waited before a log that ends within a line is read again: five times the longest
pause that Linux gives at once to who writes faster than the disk (mm/page-writeback.c, MAX_PAUSE).
"""

SETTLING_READS: Final = 10
EVENTS: Final = 100
"""Warnings of one object that are looked at; the API server keeps those of an hour."""

_PODS: Final = Served("", "v1", "pods", namespaced=True)
_EVENTS: Final = Served("", "v1", "events", namespaced=True)
_ANY: Final = "*/*"
"""What the log is asked for as: it is plain text, but refusals are JSON."""


class KubePodLogs(PodLogs):
    """`redact` takes known secrets out of logs and of the API server's words."""

    def __init__(
        self,
        client: KubeClient,
        system: SystemNamespaces,
        redact: Callable[[str], str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._system = system
        self._redact = redact
        self._sleep = sleep

    @override
    async def tail(self, container: Container, account: Account, *, ended: bool) -> str:
        data = await self._end(container, account)
        for _ in range(SETTLING_READS if ended else 0):
            if not data or data.endswith(b"\n"):
                break
            # Either the program wrote no newline at its end, or the container runtime, which a slow
            # disk holds up, has not written the end of the log yet (seen with containerd 1.6).
            await self._sleep(SETTLING_SECONDS)
            before, data = data, await self._end(container, account)
            if data == before:
                break
        return self._redact(readable(data))

    @override
    async def warning(self, about: ObjectId, account: Account) -> str:
        self._system.refuse(about, account)
        fields = {
            "involvedObject.kind": about.kind,
            "involvedObject.name": about.name,
            "type": "Warning",
        }
        selector = ",".join(f"{field}={value}" for field, value in fields.items())
        try:
            answer = await self._client.answer(
                "GET",
                _EVENTS.path(about.namespace),
                query={"fieldSelector": selector, "limit": str(EVENTS)},
                impersonate=account.user,
            )
        except ClusterError as error:
            raise Busy(self._redact(str(error)), code=error.code) from error
        if not answer.ok:
            every = ObjectId("", "Event", about.namespace, "")
            attempt = Attempt("list", every, _EVENTS, account, self._redact)
            raise error_of(read_refusal(answer, self._redact), attempt)
        events = sorted(items(mapping(json.loads(answer.body)).get("items")), key=_seen_at)
        return self._redact(text(events[-1].get("message"))) if events else ""

    async def _end(self, container: Container, account: Account) -> bytes:
        data = b""
        for lines in (TAIL_LINES, TAIL_LINES // 10, 1):
            data = await self._read(container, account, lines)
            if len(data) < ASKED_BYTES:
                break
        return data

    async def _read(self, container: Container, account: Account, lines: int) -> bytes:
        target = ObjectId("", "Pod", container.namespace, container.pod, "v1")
        self._system.refuse(target, account)
        query = {
            "container": container.name,
            "tailLines": str(lines),
            "limitBytes": str(ASKED_BYTES),
        }
        path = f"{_PODS.path(container.namespace, container.pod)}/log"
        try:
            async with self._client.stream(
                path, query, impersonate=account.user, accept=_ANY, silence=SILENCE_SECONDS
            ) as response:
                body = await _at_most(response, ASKED_BYTES)
                if response.status == HTTPStatus.OK:
                    return body
                after = read_retry_after(response.headers.get("Retry-After"))
                refusal = read_refusal(Answer(response.status, body, after), self._redact)
        except (aiohttp.ClientError, OSError) as error:
            words = f"cannot read the log of {target.title}: {type(error).__name__}"
            raise Busy(words, code=0) from error
        raise error_of(refusal, Attempt("read the log of", target, _PODS, account, self._redact))


async def _at_most(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read a body as far as it may go: what comes beyond that is never taken from the wire."""
    found = b""
    while len(found) < most and (chunk := await response.content.read(most - len(found))):
        found += chunk
    return found


def _seen_at(event: dict[str, object]) -> str:
    """Return when an event was seen last, whichever of the fields its author filled in."""
    series = mapping(event.get("series"))
    created = mapping(event.get("metadata")).get("creationTimestamp")
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        created,
    )
    return next((str(time) for time in times if time), "")
