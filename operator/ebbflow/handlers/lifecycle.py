"""The life of an operator process: candidate, standby or leader, then a clean end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ebbflow.adapters.admission.receiver import AdmissionReceiver
from ebbflow.adapters.kube.election import LeaseElection, LeaseUnavailable
from ebbflow.handlers.loop import Loop
from ebbflow.handlers.watches import Deaf, Watches
from ebbflow.services.schedule import Schedule

log = logging.getLogger(__name__)

DRAIN_SECONDS = 5.0  # for passes under way at SIGTERM; one that is cut off is taken up later
RELEASE_SECONDS = 2.0

STOPPED = 0
LOST = 1


class Operator:
    """Waits for the Lease, works while it is held, gives it back."""

    def __init__(
        self,
        elections: Sequence[LeaseElection],
        schedule: Schedule,
        loop: Loop,
        watches: Watches,
        receiver: AdmissionReceiver,
        identity: str,
        workers: int,
    ) -> None:
        self._elections = elections
        self._election = elections[0]
        self._schedule = schedule
        self._loop = loop
        self._watches = watches
        self._receiver = receiver
        self._identity = identity
        self._workers = workers

    def problems(self) -> Sequence[str]:
        """Return what keeps the operator from being ready, as sentences."""
        if self._election.leads():
            return [*self._watches.problems(), *self._receiver.problems()]
        if self._election.holder not in (None, self._identity):
            return []  # a standby is ready: to take over
        return [f"waiting for the Lease: {self._election.trouble or 'it is being taken'}"]

    def ailments(self) -> Sequence[str]:
        """Return why the process should be started anew, as sentences."""
        deaf = self._election.leads() and not self._watches.is_alive()
        return ["the watches are deaf"] if deaf else []

    async def run(self) -> int:
        """Live until SIGTERM or SIGINT, or until the Lease or the watches are lost for good.

        Returns the exit code. Raises LeaseUnavailable if there is no namespace for the Lease.
        """
        stop = asyncio.Event()
        take_signals(stop.set)
        self._watches.on_started = lambda: take_signals(stop.set)
        if await _first(stop.wait(), self._acquire()) == 0:
            return STOPPED
        try:
            return await self._lead(stop)
        finally:
            await self._release()
            log.info("stopped")

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._election.release()
        except TimeoutError:
            log.warning("the API server does not answer: the Lease is left to run out")

    async def _acquire(self) -> None:
        for election in self._elections[:-1]:
            self._election = election
            try:
                return await election.acquire()
            except LeaseUnavailable:
                continue  # the next namespace will do
        self._election = self._elections[-1]
        return await self._election.acquire()

    async def _lead(self, stop: asyncio.Event) -> int:
        receiver = asyncio.create_task(self._receiver.lead())
        await self._receiver.prepared()
        schedule = asyncio.create_task(self._schedule.run())
        workers = asyncio.create_task(self._loop.run(self._workers))
        try:
            ended = await _first(
                stop.wait(), self._keep_lease(), self._watches.run(), asyncio.shield(workers)
            )
        except Deaf as error:
            log.error("%s", error)  # noqa: TRY400 - a sentence, not a traceback
            return LOST
        else:
            return STOPPED if ended == 0 else LOST
        finally:
            schedule.cancel()
            receiver.cancel()
            self._loop.close()
            # Without the Lease another one acts already: passes under way are its business now.
            await asyncio.wait([workers], timeout=DRAIN_SECONDS if self._election.leads() else 0)
            workers.cancel()
            await asyncio.gather(schedule, receiver, workers, return_exceptions=True)

    async def _keep_lease(self) -> None:
        log.error("%s; ending", await self._election.hold())


def take_signals(stop: Callable[[], None]) -> None:
    """Let SIGTERM and SIGINT call `stop`, instead of whatever they did before."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def _first(*work: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> int:
    """Run until one of them ends and cancel the others; returns its number, raises its error."""
    tasks = [asyncio.ensure_future(part) for part in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        number = next(i for i, task in enumerate(tasks) if task.done())
        tasks[number].result()
        return number
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
