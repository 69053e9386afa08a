"""Faults between the services and what they ask for: any call may fail, hang back or be the last.

A fault waits for a call that it fits, and then happens before or after the call's effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ebbflow.domain.git import CommitGone, GitError, PreparedCommit, Unreachable
from ebbflow.domain.ports import ClusterError, StaleWrite
from tests.support.memory_cluster import Killed, ManualClock

CLUSTER: Final = (
    *("get", "get_secret", "get_namespace_labels"),
    *("replace_document", "set_pending_write", "remove_annotations", "write"),
)
GIT: Final = (
    *("ls_heads", "read_file", "blob_ids", "read_blob", "prepare_commit", "push", "contains"),
)
WRITES: Final = {"replace_document", "set_pending_write", "remove_annotations", "write"}
KINDS: Final = ("crash", "crash", "error", "error", "stale", "late", "rival", "rival", "rival")

CALL_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the call after `skip` others; `after`: its effect has come about."""

    kind: str
    skip: int
    after: bool
    random: Random
    mark: str

    def __str__(self) -> str:
        return f"{self.kind} {'after' if self.after else 'before'} call {self.skip + 1}"


def draw_fault(random: Random, mark: str) -> Fault:
    """Draw one fault."""
    skip = min(int(random.expovariate(0.2)), 30)
    return Fault(random.choice(KINDS), skip, random.random() < 0.5, random, mark)


class Faults:
    """The faults that wait, and pushes that are still on their way.

    `rival` is somebody who acts between two calls; `look` is called when anything may have changed.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self.waiting: list[Fault] = []
        self.on_their_way: list[Callable[[], Awaitable[Any]]] = []
        self.said: list[str] = []
        self.rival: Callable[[Fault], None] = lambda _: None
        self.look = look

    def next(self, name: str) -> Fault | None:
        """Return the fault that meets this call, if any."""
        if not self.waiting:
            return None
        first = self.waiting[0]
        if first.skip > 0:
            self.waiting[0] = Fault(
                first.kind, first.skip - 1, first.after, first.random, first.mark
            )
            return None
        if (first.kind == "late" and name != "push") or (
            first.kind == "stale" and name not in WRITES
        ):
            return None
        return self.waiting.pop(0)


class Port:
    """A port of one process, through which every call goes; `kill` ends the process."""

    def __init__(
        self, inner: Any, names: tuple[str, ...], faults: Faults, process: Process
    ) -> None:
        self._inner = inner
        self._names = names
        self._faults = faults
        self._process = process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        async def call(*arguments: Any) -> Any:
            return await self._call(name, found, arguments)

        return call

    async def _call(self, name: str, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        await self._process.breathe()
        fault = self._faults.next(name)
        if fault is not None and not fault.after:
            self._happen(fault, name, method, arguments)
        answer = await method(*arguments)
        self._faults.look()
        await self._process.breathe()
        if fault is not None and fault.after:
            self._happen(fault, name, method, arguments)
        return answer

    def _happen(
        self, fault: Fault, name: str, method: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self._faults.said.append(f"  {fault.kind} {'after' if fault.after else 'before'} {name}")
        match fault.kind:
            case "rival":
                self._faults.rival(fault)
            case "crash":
                self._process.alive = False
                raise Killed
            case "late" if not fault.after:
                self._faults.on_their_way.append(lambda: method(*arguments))
                raise Unreachable("the connection was lost")
            case _:
                raise _error(fault, name, arguments)


def _error(fault: Fault, name: str, arguments: tuple[Any, ...]) -> Exception:
    if name in GIT:
        gone = name in ("read_file", "contains", "blob_ids") and fault.random.random() < 0.3
        error: GitError = CommitGone("gone") if gone else Unreachable("injected")
        if any(isinstance(argument, PreparedCommit) for argument in arguments):
            error = Unreachable("the answer was lost")
        return error
    if fault.kind == "stale" and not fault.after:
        return StaleWrite("injected", code=409)
    return ClusterError("injected", code=503)


class Process:
    """Whether a process lives, and how it takes turns with others."""

    def __init__(self, random: Random, clock: ManualClock) -> None:
        self.alive = True
        self.together = False
        self._random = random
        self._clock = clock

    async def breathe(self) -> None:
        """Let time pass, and others run if there are any. Raises Killed in a dead process."""
        self._clock.advance(CALL_SECONDS)
        if self.together:
            for _ in range(self._random.randrange(4)):
                await asyncio.sleep(0)
        if not self.alive:
            raise Killed
