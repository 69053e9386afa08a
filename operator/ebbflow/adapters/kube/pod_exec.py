"""The port `PodExec` on the real API server: WebSockets with the protocol v5.channel.k8s.io.

The first byte of each message names its channel: 1 standard output, 2 standard error, 3 the Status
object that says how the command ended (k8s.io/apimachinery, pkg/util/remotecommand).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import aiohttp
from typing_extensions import override

from ebbflow.adapters.kube.client import KubeClient, UpgradeRefused
from ebbflow.adapters.kube.discovery import Served
from ebbflow.adapters.kube.object_errors import Attempt, error_of, read_refusal
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import JsonObject
from ebbflow.domain.conditions import clip
from ebbflow.domain.health_verdict import items, mapping, text
from ebbflow.domain.objects import Account, Busy, ObjectError, ObjectId
from ebbflow.domain.pods.exec import Command, Outcome, PodExec
from ebbflow.domain.pods.log_tail import last_lines, readable

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")

KEPT_BYTES: Final = 64 * 1024
"""What is kept of the output while it comes; secrets are taken out of it before it is cut again."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""What a command may write: past it nobody reads on."""

AT_ONCE: Final = 64
"""Commands under way at once, of all runs."""

MAX_WORDS: Final = 512

_OUTPUT: Final = (1, 2)
_END: Final = 3
_PODS: Final = Served("", "v1", "pods", namespaced=True)
_LOST: Final = (
    "the connection to it was lost, so nobody knows how it ended, or whether it still runs"
)


class KubePodExec(PodExec):
    """`redact` takes known secrets out of what commands write, and out of the server's words."""

    def __init__(
        self, client: KubeClient, system: SystemNamespaces, redact: Callable[[str], str]
    ) -> None:
        self._client = client
        self._system = system
        self._redact = redact
        self._slots = asyncio.Semaphore(AT_ONCE)

    @override
    async def run(self, command: Command, account: Account) -> Outcome:
        target = ObjectId("", "Pod", command.namespace, command.pod, "v1")
        self._system.refuse(target, account)
        attempt = Attempt("execute a command in", target, _PODS, account, self._redact)
        output = _Output()
        async with self._slots:
            words = await self._exchange(command, attempt, output)
        shown = last_lines(self._redact(readable(bytes(output.tail))))
        return Outcome(words, shown) if isinstance(words, int) else Outcome(None, shown, words)

    async def _exchange(self, command: Command, attempt: Attempt, output: _Output) -> int | str:
        """Return the exit code, or why there is none. Raises ObjectError before it began."""
        query = [("container", command.container), ("stdout", "true"), ("stderr", "true")]
        query += [("command", argument) for argument in command.arguments]
        path = f"{_PODS.path(command.namespace, command.pod)}/exec?{urlencode(query)}"
        begun = False
        try:
            async with self._client.web_socket(
                path, impersonate=attempt.account.user, protocols=PROTOCOLS
            ) as socket:
                begun = True
                return await self._read(socket, output)
        except UpgradeRefused as refused:
            raise self._error(refused, attempt) from refused
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if begun:
                return _LOST
            words = f"{attempt.what}: no answer from the API server ({type(error).__name__})"
            raise Busy(words, code=0) from error

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, output: _Output) -> int | str:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel in _OUTPUT:
                if not output.take(data):
                    return f"it wrote more than {MOST_BYTES // 1024**2} MiB; let it write to a file"
            elif channel == _END:
                return self._end(data)
        return _LOST

    def _end(self, data: bytes) -> int | str:
        """Return the exit code that a Status holds, or what it says instead."""
        try:
            status: JsonObject = mapping(json.loads(data))
        except ValueError:
            return _LOST
        if status.get("status") == "Success":
            return 0
        for cause in items(mapping(status.get("details")).get("causes")):
            code = text(cause.get("message"))
            if cause.get("reason") == "ExitCode" and code.isdecimal():
                return int(code)
        line = " ".join(self._redact(readable(text(status.get("message")).encode())).split())
        return clip(line, MAX_WORDS) or _LOST

    def _error(self, refused: UpgradeRefused, attempt: Attempt) -> ObjectError:
        refusal = read_refusal(refused.answer, self._redact)
        if refusal.code == HTTPStatus.NOT_FOUND:
            return Busy(f"{attempt.what}: the pod is there no more", code=refusal.code)
        return error_of(refusal, attempt)


class _Output:
    """The end of what a command writes."""

    def __init__(self) -> None:
        self.tail = bytearray()
        self._bytes = 0

    def take(self, data: bytes) -> bool:
        """Take note of more; False: it is more than may be."""
        self._bytes += len(data)
        self.tail += data
        if len(self.tail) > 2 * KEPT_BYTES:
            del self.tail[:-KEPT_BYTES]
        return self._bytes <= MOST_BYTES
