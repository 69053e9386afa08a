"""One leader among several processes, by a coordination.k8s.io Lease.

The rules are client-go's (tools/leaderelection): nobody trusts another's clock. A candidate takes
the Lease when it has not seen it change for the Lease's duration, by its own monotonic clock; the
leader gives up at two thirds of that, so the two never overlap while their clocks run alike.
Safety does not rest on it: every write compares and swaps.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Final, Protocol

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import JsonObject
from ebbflow.domain.ports import Clock, ClusterError, LostLeadership, StaleWrite

RENEW_SHARE: Final = 2 / 3
"""After this share of the duration without a renewal the leader gives up (client-go: 10 of 15 s)."""

RETRY_SHARE: Final = 2 / 15
"""Pause between two tries, as a share of the duration (client-go: 2 of 15 s)."""

JITTER: Final = 0.2
LONGEST_FOREIGN_DURATION: Final = 3600

logger = logging.getLogger(__name__)


class LeaseUnavailable(Exception):
    """The Lease cannot be used at all; three lines: what, where, what to do."""


class ElectionMetrics(Protocol):
    """What is told about the election."""

    def leader(self, name: str, leads: bool) -> None:
        """Tell whether this process leads under the Lease `name`."""
        ...


class LeaseElection:
    """One process's part in the election: `acquire`, then `hold` until it returns, `release`."""

    def __init__(
        self,
        client: KubeClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration: timedelta,
        clock: Clock,
        metrics: ElectionMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._duration = duration.total_seconds()
        self._clock = clock
        self._metrics = metrics
        self._sleep = sleep
        self._chance = chance
        self._seen: JsonObject | None = None  # the Lease as last read or written
        self._seen_at = 0.0
        self._renewed_at: float | None = None  # None: not the leader
        self._proven = 0
        self.trouble: str | None = None  # why the Lease cannot be had just now, for readiness
        metrics.leader(name, leads=False)

    @property
    def holder(self) -> str | None:
        """Who held the Lease when it was last seen."""
        return self._spec.get("holderIdentity") or None

    def leads(self) -> bool:
        """Tell whether this process may act: it renewed the Lease within the renew deadline."""
        return self._renewed_at is not None and self._clock.monotonic() < self._deadline()

    @property
    def fence(self) -> int:
        """How often the Lease changed hands, or what `prove` raised it to."""
        return max(self._proven, int(self._spec.get("leaseTransitions") or 0))

    async def prove(self, above: int) -> None:
        """Read the Lease; if it is still this process's, raise `fence` above the number.

        Raises LostLeadership if another process holds it.
        """
        await self._observe()
        if self._seen is None or self.holder != self._identity:
            raise LostLeadership(f"the Lease {self._title} is held by {self.holder or 'nobody'}")
        self._proven = above + 1

    async def acquire(self) -> None:
        """Return when this process holds the Lease.

        Raises LeaseUnavailable if the namespace does not exist; other refusals are tried again,
        with the last one in `trouble`.
        """
        while not await self._try():
            await self._pause()
        logger.info("this process (%s) leads: Lease %s", self._identity, self._title)

    async def hold(self) -> str:
        """Keep the Lease; returns, with the reason as a sentence, when it is lost."""
        while self.leads():
            await self._pause()
            try:
                async with asyncio.timeout(max(0.0, self._deadline() - self._clock.monotonic())):
                    renewed = await self._try()
            except TimeoutError:
                break
            if not renewed and self.holder not in (self._identity, None):
                return self._lost(f"{self.holder} took it")
        return self._lost(f"it could not be renewed in time: {self.trouble or 'no answer'}")

    async def release(self) -> None:
        """Give the Lease back, so that another need not wait; does nothing if it is not ours."""
        if self._renewed_at is None:
            return
        self._renewed_at = None
        self._metrics.leader(self._name, leads=False)
        try:
            await self._update({"holderIdentity": "", "leaseDurationSeconds": 1, **self._times()})
        except ClusterError as error:
            logger.warning("the Lease %s is left to expire: %s", self._title, error)

    async def _try(self) -> bool:
        """Take or renew the Lease once. A refusal is no exception here; it goes into `trouble`."""
        started = self._clock.monotonic()
        try:
            got = await self._renew() if self._renewed_at is not None else await self._take()
        except StaleWrite:
            self._seen = None  # somebody wrote it in between: look again
            return False
        except ClusterError as error:
            self._note_trouble(error)
            return False
        if got:
            # The time before the request: others count from when they see it, which is later.
            self._renewed_at = started
            self._metrics.leader(self._name, leads=True)
        self.trouble = None
        return got

    async def _renew(self) -> bool:
        if self._seen is None:
            await self._observe()
        if self.holder != self._identity:
            return False
        await self._update(self._times())
        return True

    async def _take(self) -> bool:
        await self._observe()
        if self._seen is None:
            await self._create()
            return True
        mine = self.holder == self._identity
        if not mine and not self._expired():
            return False
        spec: JsonObject = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            **self._times(),
        }
        if not mine:
            spec["acquireTime"] = spec["renewTime"]
            spec["leaseTransitions"] = int(self._spec.get("leaseTransitions") or 0) + 1
        await self._update(spec)
        return True

    def _expired(self) -> bool:
        if self.holder is None:
            return True
        theirs = self._spec.get("leaseDurationSeconds") or self._duration
        waited = self._clock.monotonic() - self._seen_at
        return waited >= min(float(theirs), LONGEST_FOREIGN_DURATION)

    async def _observe(self) -> None:
        """Read the Lease; the clock starts anew only when it changed."""
        try:
            lease = await self._client.request("GET", self._path, urgent=True)
        except ObjectMissing:
            self._seen = None
            return
        if self._seen is None or lease["spec"] != self._spec:
            self._seen_at = self._clock.monotonic()
        self._seen = lease

    async def _create(self) -> None:
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "leaseTransitions": 0,
            **self._times(),
        }
        spec["acquireTime"] = spec["renewTime"]
        body = self._lease({"name": self._name, "namespace": self._namespace}, spec)
        try:
            self._seen = await self._client.request("POST", self._folder, body=body, urgent=True)
        except ObjectMissing as error:
            raise LeaseUnavailable(
                f"the namespace for the Lease does not exist\n"
                f"  Lease {self._title}\n"
                f"  create it: kubectl create namespace {self._namespace}"
            ) from error

    async def _update(self, changes: JsonObject) -> None:
        """Write the Lease by compare-and-swap; raises StaleWrite if it changed since it was seen."""
        if self._seen is None:
            raise StaleWrite(f"the Lease {self._title} is gone", code=HTTPStatus.CONFLICT)
        body = self._lease(self._seen["metadata"], {**self._spec, **changes})
        self._seen = await self._client.request("PUT", self._path, body=body, urgent=True)

    def _lease(self, metadata: JsonObject, spec: JsonObject) -> JsonObject:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }

    def _times(self) -> JsonObject:
        now = self._clock.now().astimezone(UTC)
        return {"renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}

    def _lost(self, why: str) -> str:
        self._renewed_at = None
        self._metrics.leader(self._name, leads=False)
        return f"the Lease {self._title} is lost: {why}"

    def _note_trouble(self, error: ClusterError) -> None:
        if self.trouble != str(error):
            logger.warning("the Lease %s: %s", self._title, error)
        self.trouble = str(error)

    def _deadline(self) -> float:
        return (self._renewed_at or 0.0) + self._duration * RENEW_SHARE

    async def _pause(self) -> None:
        await self._sleep(self._duration * RETRY_SHARE * (1 + JITTER * self._chance()))

    @property
    def _spec(self) -> JsonObject:
        return (self._seen or {}).get("spec") or {}

    @property
    def _folder(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{segment(self._namespace)}/leases"

    @property
    def _path(self) -> str:
        return f"{self._folder}/{segment(self._name)}"

    @property
    def _title(self) -> str:
        return f"{self._namespace}/{self._name}"
