"""The logs of the pods that the nodes of a Run started."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import JsonObject
from ebbflow.api.run import NodeStatus, Run
from ebbflow.cli.following import exit_code
from ebbflow.cli.listing import find_run
from ebbflow.cli.options import Where
from ebbflow.cli.pod_log import NotThere, NotYet, PodContainer, log_lines
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_tree import OVER
from ebbflow.cli.session import Session, converse
from ebbflow.domain.health_verdict import items, mapping, text
from ebbflow.domain.pods.exit import first_failure
from ebbflow.domain.pods.jobs import NODE, RUN

LOOK_SECONDS: Final = 1.0
"""How often new pods are looked for while a Run is followed."""

_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose logs: those of all nodes, or of one (its ref or path); `tail`: only the last lines."""

    node: str | None = None
    container: str | None = None
    tail: int | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a Run: its name, the path of its node, and what it looks like."""

    name: str
    node: str
    raw: JsonObject

    def container(self, wanted: str | None) -> str:
        """Return the container that is wanted, else the one that failed, else the main one."""
        failure = first_failure(self.raw)
        notes = mapping(mapping(self.raw.get("metadata")).get("annotations"))
        containers = items(mapping(self.raw.get("spec")).get("containers"))
        first = text(containers[0].get("name")) if containers else ""
        failed = failure.container if failure is not None else ""
        return wanted or failed or text(notes.get(_DEFAULT_CONTAINER)) or first


def logs(where: Where, name: str, wanted: Wanted, *, follow: bool) -> int:
    """Print logs of a Run, or of a Template's newest; return the exit code.

    With `follow` that tells how the Run ended, as `watch` does. Raises Problem where there is none.
    """
    return converse(where, lambda session: show(session, name, wanted, follow=follow))


async def show(session: Session, name: str, wanted: Wanted, *, follow: bool) -> int:
    """Print logs as `logs` does, in one conversation."""
    run = (await session.run(await find_run(session, name))).model
    if follow:
        return await _Follower(session, run, wanted).go()
    path = _path_of(run, wanted.node)
    pods = await _pods(session, run, path)
    shown = [await _print(session, pod, wanted, _prefix(run, pod, pods)) for pod in pods]
    if not any(shown):
        raise _nothing(session, run, path, pods)
    return 0


class _Follower:
    """Prints the log of each pod from its beginning to its end, new pods as they come."""

    def __init__(self, session: Session, run: Run, wanted: Wanted) -> None:
        self._session = session
        self._run = run
        self._wanted = wanted
        self._seen: set[str] = set()

    async def go(self) -> int:
        """Follow until the Run has ended; return the exit code. Raises Problem for a node that the
        Run turned out not to have.
        """
        over = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_run(over))
                await self._stream_all(group, over)
        except ExceptionGroup as errors:
            # What one of them met is what there is to say; the others were broken off for it.
            raise errors.exceptions[0] from None
        _path_of(self._run, self._wanted.node)
        return exit_code(self._run)

    async def _stream_all(self, group: asyncio.TaskGroup, over: asyncio.Event) -> None:
        while True:
            ended = over.is_set()
            # Once more after the end: a pod may have come and gone in the meantime.
            for pod in await _pods(self._session, self._run, None):
                if pod.name not in self._seen:
                    self._seen.add(pod.name)
                    await self._begin(group, pod, over)
            if ended:
                return
            await self._session.pause(LOOK_SECONDS)

    async def _begin(self, group: asyncio.TaskGroup, pod: Pod, over: asyncio.Event) -> None:
        if all(one.path != pod.node for one in self._run.status.nodes or ()):
            # The node began after the Run was read; its status was written before its pod was made.
            self._run = (await self._session.run(self._run.metadata.name)).model
        if self._wanted.node in (None, pod.node, _ref_of(self._run, pod)):
            group.create_task(self._stream(pod, over))

    async def _follow_run(self, over: asyncio.Event) -> None:
        async for found in self._session.follow(self._run.metadata.name):
            self._run = found.model
            if self._run.status.phase in OVER:
                over.set()
                return

    async def _stream(self, pod: Pod, over: asyncio.Event) -> None:
        prefix = b"" if self._wanted.node is not None else _label(self._run, pod)
        while True:
            try:
                await _print(self._session, pod, self._wanted, prefix, follow=True)
            except NotYet:
                if over.is_set():
                    return
                await self._session.pause(LOOK_SECONDS)
                pod = await _again(self._session, pod) or pod
                continue
            return


async def _print(
    session: Session, pod: Pod, wanted: Wanted, prefix: bytes, *, follow: bool = False
) -> bool:
    """Print a pod's log; False if there is none. Raises NotYet only with `follow`."""
    target = PodContainer(pod.name, pod.container(wanted.container))
    out = sys.stdout.buffer
    try:
        async for line in log_lines(session, target, follow=follow, tail=wanted.tail):
            out.write(prefix + line + b"\n")
            if follow:
                out.flush()
    except NotThere:
        return False
    except NotYet:
        if follow:
            raise
        return False
    out.flush()
    return True


async def _pods(session: Session, run: Run, path: str | None) -> list[Pod]:
    """Return the pods of a Run, or of one of its nodes, in the order in which they were made."""
    place = f"/api/v1/namespaces/{segment(session.namespace)}/pods"
    query = {"labelSelector": f"{RUN}={run.metadata.name}"}
    found = items((await session.client.request("GET", place, query=query)).get("items"))
    pods = [_read(raw) for raw in sorted(found, key=_made_at)]
    return [pod for pod in pods if path is None or pod.node == path]


async def _again(session: Session, pod: Pod) -> Pod | None:
    place = f"/api/v1/namespaces/{segment(session.namespace)}/pods/{segment(pod.name)}"
    answer = await session.client.answer("GET", place)
    return None if not answer.ok else _read(await session.client.request("GET", place))


def _read(raw: JsonObject) -> Pod:
    metadata = mapping(raw.get("metadata"))
    node = text(mapping(metadata.get("annotations")).get(NODE))
    return Pod(text(metadata.get("name")), node, raw)


def _made_at(raw: JsonObject) -> str:
    return text(mapping(raw.get("metadata")).get("creationTimestamp"))


def _path_of(run: Run, node: str | None) -> str | None:
    """Return the path of the node that is meant. Raises Problem if there is none (yet)."""
    if node is None:
        return None
    nodes = run.status.nodes or ()
    found = [one.path for one in nodes if node in (one.path, one.ref)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Problem(
            f"there are {len(found)} nodes {node} in the Run {run.metadata.name}",
            f"at {', '.join(found)}",
            "name one by its path",
        )
    raise Problem(
        f"the Run {run.metadata.name} has no node {node} that has begun",
        f"those that have: {_names(nodes)}",
        "give one of them, or none for all",
    )


def _names(nodes: Iterable[NodeStatus]) -> str:
    return ", ".join(one.ref or one.path for one in nodes if one.path) or "none"


def _prefix(run: Run, pod: Pod, pods: list[Pod]) -> bytes:
    """Return what tells the lines of several pods apart; nothing where there is only one."""
    return _label(run, pod) if len(pods) > 1 else b""


def _label(run: Run, pod: Pod) -> bytes:
    return f"{_ref_of(run, pod) or pod.node} | ".encode()


def _ref_of(run: Run, pod: Pod) -> str | None:
    return next((one.ref for one in run.status.nodes or () if one.path == pod.node), None)


def _nothing(session: Session, run: Run, path: str | None, pods: list[Pod]) -> Problem:
    """Say why there is no log, and what is known instead."""
    whole = f"the Run {run.metadata.name}"
    what = whole if path is None else f"the node {path} of {whole}"
    nodes = [one for one in run.status.nodes or () if path is None or one.path == path]
    words = next((one.message for one in reversed(nodes) if one.message), None)
    if pods:
        return Problem(
            f"the pods of {what} have written no log yet", words or "", "-f waits for it"
        )
    place = words or f"namespace {session.namespace}, phase {run.status.phase or 'Pending'}"
    if run.status.phase in OVER:
        advice = "their last lines are in the message of a node that failed: ebbflow watch"
        return Problem(f"{what} has no pods any more, or never had any", place, advice)
    return Problem(f"{what} has no pods yet", place, "-f waits for them")
