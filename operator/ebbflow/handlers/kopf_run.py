"""kopf in an event loop that it does not own: its tasks end with it, ours and the signals stay.

kopf takes every task that was made while it ran for its own, and cancels them all when it ends:
passes, polls and the schedule of a process that goes on would die with a watch. It also has the
process killed ten minutes after it ended. So here only its own tasks are ended, by us.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import kopf

log = logging.getLogger(__name__)

CODE_OF_KOPF = str(Path(kopf.__file__).parent) + os.sep

WORDY = (
    "kopf._core.reactor.orchestration",
    "kopf._core.reactor.running",
    "kopf._cogs.clients.watching",
)

CANCELLATIONS = 5
CANCELLATION_SECONDS = 1.0
"""A task of kopf's may take a cancellation for something else and go on: it gets another one."""


async def run_kopf(
    registry: kopf.OperatorRegistry,
    settings: kopf.OperatorSettings,
    namespaces: Sequence[str],
    on_started: Callable[[], None],
) -> None:
    """Run kopf until it gives up, and raise what made it; cancelling this ends it.

    No `namespaces` stands for all. `on_started` is called when kopf has taken the signals over.
    """
    settings.process.ultimate_exiting_timeout = None
    _quieten()
    try:
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=settings,
            clusterwide=not namespaces,
            namespaces=namespaces,
            standalone=True,
        )
        on_started()
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        await _end(_tasks_of_kopf())


def _quieten() -> None:
    # They log, at length, what is raised here in the end and said in a sentence by who catches it.
    if not log.isEnabledFor(logging.DEBUG):
        for name in WORDY:
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _tasks_of_kopf() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if _is_of_kopf(task)}


def _is_of_kopf(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and str(code.co_filename).startswith(CODE_OF_KOPF)


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel kopf's tasks, all at once: a watcher that outlives the login waits for ever."""
    tries = CANCELLATIONS
    while tasks and tries:
        tries -= 1
        for task in tasks:
            task.cancel()
        ended, tasks = await asyncio.wait(tasks, timeout=CANCELLATION_SECONDS)
        for task in ended:
            # Looked at, or asyncio complains; the first failure was raised already.
            _ = task.cancelled() or task.exception()
    if tasks:
        log.error("these watches do not end: %s", ", ".join(task.get_name() for task in tasks))
