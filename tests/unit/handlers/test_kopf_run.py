"""kopf ends alone: what runs beside it in the event loop goes on."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator
from typing import Any

import kopf
import pytest

from ebbflow.handlers.kopf_run import WORDY, _is_of_kopf, run_kopf

QUICK = 5.0


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in WORDY}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class Fixture:
    """A kopf that fails at once, or waits for ever to be logged in; `made` is a task of ours."""

    def __init__(self) -> None:
        self.registry = kopf.OperatorRegistry()
        self.settings = kopf.OperatorSettings()
        self.settings.scanning.disabled = True
        self.at_login = asyncio.Event()
        self.made: asyncio.Task[Any] | None = None
        kopf.on.event("ebbflow.dev", "v1", "templates", registry=self.registry)(_ignore)

    def fail_at_the_start(self) -> None:
        @kopf.on.startup(registry=self.registry)
        async def start(**_: Any) -> None:
            raise kopf.PermanentError("no way in")

    def wait_at_login(self) -> None:
        @kopf.on.login(registry=self.registry)
        async def login(**_: Any) -> None:
            self.at_login.set()
            await asyncio.Event().wait()

    async def run(self) -> None:
        def on_started() -> None:
            self.made = asyncio.create_task(asyncio.Event().wait())
            take_sigterm()

        await run_kopf(self.registry, self.settings, (), on_started)

    async def end(self) -> None:
        assert self.made is not None
        self.made.cancel()
        await asyncio.gather(self.made, return_exceptions=True)


async def _ignore(**_: Any) -> None:
    """An event handler."""


TAKEN: list[str] = []


def take_sigterm() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, TAKEN.append, "ours")


def kopfs_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if _is_of_kopf(task)]


@pytest.fixture
async def at() -> Fixture:
    return Fixture()


# kopf forgets its login when it fails this early.
@pytest.mark.filterwarnings("ignore:coroutine 'authenticator' was never awaited")
async def test_its_failure_is_raised_and_ends_none_of_our_tasks(at: Fixture) -> None:
    at.fail_at_the_start()
    async with asyncio.timeout(QUICK):
        with pytest.raises(Exception, match="handlers failed"):
            await at.run()
    assert at.made is not None
    assert not at.made.done()
    assert kopfs_tasks() == []
    # Else it would have the process killed ten minutes later.
    assert at.settings.process.ultimate_exiting_timeout is None
    await at.end()


async def test_cancelling_it_ends_its_tasks_and_none_of_ours(at: Fixture) -> None:
    at.wait_at_login()
    running = asyncio.create_task(at.run())
    await asyncio.wait_for(at.at_login.wait(), QUICK)
    assert kopfs_tasks() != []
    running.cancel()
    async with asyncio.timeout(QUICK):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert at.made is not None
    assert not at.made.done()
    assert kopfs_tasks() == []
    await at.end()


async def test_signals_are_ours_while_it_runs(at: Fixture) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    TAKEN.clear()
    at.wait_at_login()
    running = asyncio.create_task(at.run())
    try:
        await asyncio.wait_for(at.at_login.wait(), QUICK)
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(QUICK):
            while not TAKEN:  # noqa: ASYNC110 - a signal handler cannot set an event of the loop's
                await asyncio.sleep(0)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await at.end()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
