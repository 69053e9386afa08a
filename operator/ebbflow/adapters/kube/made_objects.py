"""The port `ObjectWatch`: how a run learns that an object that it waits for has changed.

The operator has no rights on arbitrary kinds, so it watches as the tenant's ServiceAccount: one
watch for each resource, namespace, account and selection, whoever waits for how many objects in it,
open only while somebody does. Made objects are selected by their label, others by their name. Where
a watch cannot be had (denied, not served, too many), those who wait are woken now and then instead.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, assert_never

from typing_extensions import override

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.discovery import Discovery
from ebbflow.adapters.kube.object_stream import (
    Begun,
    Bookmark,
    Expired,
    Refused,
    Seen,
    watch_objects,
)
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import Key
from ebbflow.domain.objects import OWNER_LABEL, Account, ObjectError, ObjectId, ObjectWatch
from ebbflow.domain.ports import Wake

FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 30.0
"""Seconds between two wakings where there is no watch; doubled from the first to the longest."""

MOST_WATCHES: Final = 256
"""Watches that are open at once; each is a connection. Past it, waiting is by time."""

SHORTEST_WATCH: Final = 1.0
"""Seconds that a watch must have lasted to be asked for again without a pause."""

LINGER: Final = 5.0
"""Seconds that a watch stays open after the last who needed it: the next node may need it again."""


@dataclass(frozen=True, slots=True)
class _Topic:
    """What one watch is about. `name` empty: all made objects of the kind."""

    group: str
    kind: str
    version: str
    namespace: str
    account: Account
    name: str

    @property
    def selector(self) -> dict[str, str]:
        if self.name:
            return {"fieldSelector": f"metadata.name={self.name}"}
        return {"labelSelector": OWNER_LABEL}

    @property
    def target(self) -> ObjectId:
        return ObjectId(self.group, self.kind, self.namespace, self.name, self.version)


@dataclass(slots=True)
class _Watch:
    """A watch, who waits for which name in it, and what it saw last."""

    task: asyncio.Task[None]
    waiting: defaultdict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    seen: dict[str, str] = field(default_factory=dict)
    version: str = ""
    in_place: bool = False


class MadeObjects(ObjectWatch):
    """Watches as they are needed. `close` ends them all."""

    def __init__(
        self,
        client: KubeClient,
        discovery: Discovery,
        system: SystemNamespaces,
        wake: Wake,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        most: int = MOST_WATCHES,
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._system = system
        self._wake = wake
        self._sleep = sleep
        self._slots = asyncio.Semaphore(most)
        self._watches: dict[_Topic, _Watch] = {}
        self._followed: dict[tuple[Key, bool], set[tuple[_Topic, str]]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> int:
        """How many watches there are, in place or not."""
        return len(self._watches)

    @override
    def follow(
        self, key: Key, account: Account, targets: Collection[ObjectId], *, made: bool = True
    ) -> None:
        wanted = {(_topic(target, account, made), target.name) for target in targets}
        before = self._followed.get((key, made), set())
        self._followed[key, made] = wanted
        for topic, name in wanted - before:
            watch = self._watch(topic)
            watch.waiting[name].add(key)
            if watch.in_place or watch.version:
                # What changed before this moment came, and went, while nobody waited for it.
                self._wake(key)
        for topic, name in before - wanted:
            self._leave(topic, name, key)

    @override
    def forget(self, key: Key) -> None:
        for made in (True, False):
            for topic, name in self._followed.pop((key, made), set()):
                self._leave(topic, name, key)

    async def close(self) -> None:
        """End all watches."""
        tasks = [*self._closing, *(watch.task for watch in self._watches.values())]
        self._watches.clear()
        self._followed.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, topic: _Topic) -> _Watch:
        watch = self._watches.get(topic)
        if watch is None:
            watch = _Watch(asyncio.create_task(self._run(topic), name=f"watch {topic.kind}"))
            self._watches[topic] = watch
        return watch

    def _leave(self, topic: _Topic, name: str, key: Key) -> None:
        watch = self._watches.get(topic)
        if watch is None:
            return
        # The key may still wait for it in the other way (made or not).
        if any((topic, name) in self._followed.get((key, made), ()) for made in (True, False)):
            return
        watch.waiting[name].discard(key)
        if not watch.waiting[name]:
            del watch.waiting[name]
            watch.seen.pop(name, None)
        if not watch.waiting:
            task = asyncio.create_task(self._close_if_idle(topic, watch))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close_if_idle(self, topic: _Topic, watch: _Watch) -> None:
        await self._sleep(LINGER)
        if not watch.waiting and self._watches.get(topic) is watch:
            del self._watches[topic]
            watch.task.cancel()

    async def _run(self, topic: _Topic) -> None:
        await asyncio.sleep(0)  # let `_watch` put the watch into its place
        pause = FIRST_PAUSE
        while (watch := self._watches.get(topic)) is not None:
            if await self._try(topic, watch):
                pause = FIRST_PAUSE
                continue
            await self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._wake_all(watch)

    async def _try(self, topic: _Topic, watch: _Watch) -> bool:
        """Watch until the watch ends; False: there was none, or it broke."""
        if self._slots.locked():
            return False
        try:
            self._system.refuse(topic.target, topic.account)
            served = await self._discovery.locate(topic.target)
            path = served.path(topic.namespace if served.namespaced else "")
        except (ObjectError, ValueError):
            return False  # who reads the object is told why
        started, resumed = asyncio.get_running_loop().time(), bool(watch.version)
        async with self._slots:
            try:
                ended_well = await self._stream(topic, watch, path)
            finally:
                watch.in_place = False
        lasted = asyncio.get_running_loop().time() - started
        # A watch that ends at once is as good as none; one that expired begins anew at once.
        return ended_well and (lasted > SHORTEST_WATCH or (resumed and not watch.version))

    async def _stream(self, topic: _Topic, watch: _Watch, path: str) -> bool:
        user = topic.account.user
        happenings = watch_objects(self._client, path, topic.selector, user, watch.version)
        async with aclosing(happenings):
            async for happening in happenings:
                if isinstance(happening, Refused):
                    return False
                self._take(watch, happening)
        return True

    def _take(self, watch: _Watch, happening: Begun | Seen | Bookmark | Expired) -> None:
        match happening:
            case Begun():
                self._begin(watch)
            case Seen(name, version):
                watch.version = version or watch.version
                self._see(watch, name, version)
            case Bookmark(version):
                watch.version = version or watch.version
            case Expired():
                watch.version = ""
            case _:
                assert_never(happening)

    def _begin(self, watch: _Watch) -> None:
        watch.in_place = True
        if not watch.version:
            # Whatever happened before this moment may not be told: look once.
            self._wake_all(watch)

    def _see(self, watch: _Watch, name: str, version: str) -> None:
        if name not in watch.waiting or watch.seen.get(name) == version:
            return
        watch.seen[name] = version
        for key in tuple(watch.waiting[name]):
            self._wake(key)

    def _wake_all(self, watch: _Watch) -> None:
        for key in {key for keys in watch.waiting.values() for key in keys}:
            self._wake(key)


def _topic(target: ObjectId, account: Account, made: bool) -> _Topic:
    return _Topic(
        group=target.group,
        kind=target.kind,
        version=target.version,
        namespace=target.namespace or account.namespace,
        account=account,
        name="" if made else target.name,
    )
