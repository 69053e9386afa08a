"""kopf, kept running: its settings, its login, and the supervision that keeps us from going deaf."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import aiohttp
import kopf

from ebbflow.adapters.kube.watching import WatchRecord
from ebbflow.api.base import GROUP, VERSION, Resource
from ebbflow.domain.ports import Clock
from ebbflow.handlers.kopf_memory import NoDiffBase, NoProgress
from ebbflow.handlers.kopf_run import run_kopf

log = logging.getLogger(__name__)

SERVER_TIMEOUT = 240  # seconds after which the API server ends a watch, and it is asked for again
DEAF_AFTER = SERVER_TIMEOUT + 180.0  # two silent reconnections (70 s each) and some slack
GIVE_UP_AFTER = 300.0  # seconds without a full set of watches, although all kinds are served
FIRST_BACKOFF = 1.0
LAST_BACKOFF = 30.0
HEALTH_CHECK = 1.0  # seconds between two looks at whether every watch is in place
IDLE_TIMEOUT = 0.2  # seconds that kopf keeps a task for an object without events (its own: 5)
LONGEST_REASON = 300  # characters

Register = Callable[[kopf.OperatorRegistry], None]
OpenSession = Callable[[], Awaitable[aiohttp.ClientSession]]
Missing = Callable[[], Awaitable[Sequence[str]]]


class Deaf(Exception):
    """The watches could not be brought back; the process must end and be started anew."""


def watch_paths(kinds: Iterable[type[Resource]], namespaces: Sequence[str]) -> tuple[str, ...]:
    """Return the API paths that are watched (no namespaces: the whole cluster)."""
    root = f"/apis/{GROUP}/{VERSION}"
    places = [f"{root}/namespaces/{namespace}" for namespace in namespaces] or [root]
    return tuple(f"{place}/{kind.declaration.plural}" for place in places for kind in kinds)


class Watches:
    """Runs kopf for its events only, and starts it again in this process when it gives up.

    kopf ends when a watch fails with anything but a lost connection: an in-stream error, a 410 or
    404 to a list, five hundreds for long. `missing` tells what is not served (a CRD that is gone);
    while something is, there is nothing to start.
    """

    def __init__(
        self,
        register: Register,
        open_session: OpenSession,
        server: str,
        record: WatchRecord,
        missing: Missing,
        paths: tuple[str, ...],
        namespaces: Sequence[str],
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.on_started: Callable[[], None] = lambda: None
        self._register = register
        self._open_session = open_session
        self._server = server
        self._record = record
        self._missing = missing
        self._paths = paths
        self._namespaces = namespaces
        self._clock = clock
        self._sleep = sleep
        self._absent: Sequence[str] = ("the watches are being set up",)
        self._healthy_at = self._started_at = clock.monotonic()

    def problems(self) -> list[str]:
        """Return what is not in place, as sentences; empty when every watch is."""
        unwatched = [path for path in self._paths if not self._record.in_place(path)]
        return [*self._absent, *(f"{path} is not being watched" for path in unwatched)]

    def is_alive(self) -> bool:
        """Tell whether every watch was answered lately, or is being brought back."""
        since = self._clock.monotonic() - self._started_at
        ages = [self._record.age(path) for path in self._paths]
        return bool(self._absent) or all(
            (since if age is None else age) < DEAF_AFTER for age in ages
        )

    async def run(self) -> None:
        """Watch for ever; raises Deaf when the watches cannot be brought back."""
        # A standby may have been waiting for long before it came to this.
        self._healthy_at = self._started_at = self._clock.monotonic()
        backoff = FIRST_BACKOFF
        while True:
            await self._wait_until_served()
            self._started_at = self._clock.monotonic()
            await self._run_kopf_once()
            if all(self._record.age(path) is not None for path in self._paths):
                backoff = FIRST_BACKOFF  # all were in place, if only for a while
            self._record.reset()
            self._started_at = self._clock.monotonic()
            await self._sleep(backoff)
            backoff = min(LAST_BACKOFF, backoff * 2)

    async def _run_kopf_once(self) -> None:
        """Run kopf until it ends, for whatever reason; raises Deaf when it does not help."""
        watching = asyncio.create_task(self._run_kopf())
        try:
            while not watching.done():
                await _first(watching, self._sleep(HEALTH_CHECK))
                self._check_health(lasting=not watching.done())
            watching.result()
            log.warning("the watches ended; starting them again")
        except Deaf:
            raise
        except Exception as error:  # noqa: BLE001 - whatever ended kopf, it is started again
            log.warning("the watches ended: %s; starting them again", _words(error))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def _check_health(self, *, lasting: bool) -> None:
        """Raise Deaf after too long without watches that are in place and last."""
        now = self._clock.monotonic()
        if lasting and not self.problems():
            self._healthy_at = now
        elif now - self._healthy_at > GIVE_UP_AFTER:
            raise Deaf(
                f"no full set of watches for {GIVE_UP_AFTER:.0f} s, although the API server "
                f"serves all kinds; ending, so that a fresh process can try"
            )

    async def _wait_until_served(self) -> None:
        for attempt in itertools.count():
            self._absent = await self._missing()
            if not self._absent:
                return
            self._healthy_at = self._clock.monotonic()
            if attempt == 0:
                log.warning("waiting: %s", "; ".join(self._absent))
            await self._sleep(min(5.0, FIRST_BACKOFF * 1.5 ** min(attempt, 10)))

    async def _run_kopf(self) -> None:
        registry = kopf.OperatorRegistry()
        self._register(registry)
        session = await self._open_session()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            nonlocal session
            if session.closed:
                session = await self._open_session()
            return kopf.AiohttpSession(server=self._server, aiohttp_session=session)

        try:
            await run_kopf(registry, _settings(), self._namespaces, self.on_started)
        finally:
            await session.close()


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.server_timeout = SERVER_TIMEOUT
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    # A blip is ridden out; for anything longer kopf ends, and we find out and say what is missing.
    settings.networking.error_backoffs = [0.5, 1, 2]
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.persistence.progress_storage = NoProgress()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.queueing.idle_timeout = IDLE_TIMEOUT
    return settings


async def _first(watching: asyncio.Task[None], pause: Awaitable[None]) -> None:
    """Wait until either is over; the pause goes with it."""
    pausing = asyncio.ensure_future(pause)
    try:
        await asyncio.wait([watching, pausing], return_when=asyncio.FIRST_COMPLETED)
    finally:
        pausing.cancel()


def _words(error: Exception) -> str:
    """The reason in one line: kopf's own texts hold whole objects of the API server."""
    text = str(getattr(error, "message", None) or error) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"
