"""The one level-triggered loop: take a key, make a pass, write the status, ask for the next pass."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from ebbflow.adapters.logs import log_context
from ebbflow.api.base import JsonObject, Key, Resource
from ebbflow.api.reasons import Reason
from ebbflow.api.template import Template
from ebbflow.domain.conditions import ready_transition
from ebbflow.domain.outcome import Done, Outcome, Postponed, Report, Stalled, Waiting
from ebbflow.domain.ports import Clock, ClusterError, InvalidObject, StaleWrite, StatusWriter
from ebbflow.domain.sync import synced_of
from ebbflow.handlers.workqueue import WorkQueue

log = logging.getLogger(__name__)


class Reconciler(Protocol):
    """A service that makes one pass over one object of its kind."""

    async def reconcile(self, key: Key) -> Report | Postponed | None: ...


class LoopMetrics(Protocol):
    """What is counted about passes."""

    def pass_finished(self, kind: str, result: str, seconds: float) -> None: ...
    def workers(self, kind: str, active: int) -> None: ...


class Loop:
    """Works the queue off with a bounded number of workers."""

    def __init__(
        self,
        reconcilers: Mapping[str, Reconciler],
        status: StatusWriter,
        queue: WorkQueue,
        metrics: LoopMetrics,
        clock: Clock,
    ) -> None:
        self._reconcilers = reconcilers
        self._status = status
        self._queue = queue
        self._metrics = metrics
        self._clock = clock
        self._active: dict[str, int] = {}

    def close(self) -> None:
        """Take no more keys: workers end after the pass that they are at."""
        self._queue.close()

    async def run(self, workers: int) -> None:
        """Work until closed. Cancelling it stops passes where they wait for an answer."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while (key := await self._queue.take()) is not None:
            self._count(key, +1)
            started = self._clock.monotonic()
            try:
                with log_context(kind=key.kind, namespace=key.namespace, name=key.name):
                    result = await self._pass(key)
            finally:
                self._count(key, -1)
                self._queue.done(key)
            self._metrics.pass_finished(key.kind, result, self._clock.monotonic() - started)

    def _count(self, key: Key, change: int) -> None:
        self._active[key.kind] = self._active.get(key.kind, 0) + change
        self._metrics.workers(key.kind, self._active[key.kind])

    async def _pass(self, key: Key) -> str:
        """Make one pass; returns controller-runtime's word for how it ended."""
        self._queue.cancel_delayed(key)
        try:
            report = await self._reconcilers[key.kind].reconcile(key)
            if isinstance(report, Report):
                stored = await self._status.write(report)
                _log_what_happened(report)
                if report.then is not None:
                    await report.then(stored)
        except StaleWrite:
            # Somebody else was faster: nothing is wrong, the pass is made anew on what is there.
            self._queue.back_off(key)
            return "requeue"
        except InvalidObject as error:
            return await self._report_invalid(key, error)
        except ClusterError as error:
            seconds = self._queue.back_off(key)
            log.warning("%s: %s; trying again in %.1f s", key, error, seconds)
            return "error"
        except Exception:  # one bad object must not stop the others: it backs off alone
            seconds = self._queue.back_off(key)
            log.exception("the pass over %s failed; trying again in %.1f s", key, seconds)
            return "error"
        self._queue.forget(key)
        return self._ask_for_the_next(key, report.outcome if isinstance(report, Report) else report)

    def _ask_for_the_next(self, key: Key, outcome: Outcome | Postponed | None) -> str:
        after: timedelta | None
        match outcome:
            case Done() | Waiting() | Postponed():
                after = outcome.after
            case Stalled():
                after = outcome.recheck
            case None:
                after = None
        if after is None:
            return "success"
        self._queue.add_after(key, after.total_seconds())
        return "requeue_after"

    async def _report_invalid(self, key: Key, error: InvalidObject) -> str:
        log.warning("%s: %s", key, error)
        if error.observed is None:
            return "error"
        # The rest of the status stays: it is what both sides last agreed on.
        kept = _kept_status(error.observed)
        outcome = Stalled(Reason.INVALID_SPEC, str(error))
        try:
            await self._status.write(Report(error.observed, outcome, kept))
        except ClusterError as failure:
            seconds = self._queue.back_off(key)
            log.warning("%s: %s; trying again in %.1f s", key, failure, seconds)
        return "error"


def _kept_status(observed: Resource) -> JsonObject:
    kept = observed.status.dump()
    if isinstance(observed, Template) and (sync := synced_of(observed)) is not None:
        kept["sync"] = sync.dump()
    return kept


def _log_what_happened(report: Report) -> None:
    """Log what users see as events: a transition of Ready, and all that happened on the way."""
    transition = ready_transition(report)
    for notice in (*report.notices, *((transition,) if transition else ())):
        level = logging.WARNING if notice.warning else logging.INFO
        log.log(level, "%s: %s", notice.reason.value, notice.message)
