"""Sharing work: who joins what, and who is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from ebbflow.adapters.git.flights import RefsBatcher, SingleFlight
from ebbflow.domain.git import Remote

REMOTE = Remote("https://git.example/a/b")


class Asked:
    """A server that answers when it is told to."""

    def __init__(self) -> None:
        self.questions: list[frozenset[str]] = []
        self.answers: list[asyncio.Future[Mapping[str, str]]] = []
        self._news = asyncio.Event()

    async def ask(self, remote: Remote, prefixes: frozenset[str]) -> Mapping[str, str]:
        assert remote == REMOTE
        self.questions.append(prefixes)
        self.answers.append(asyncio.get_running_loop().create_future())
        self._news.set()
        return await self.answers[-1]

    async def asked(self, times: int) -> None:
        while len(self.questions) < times:
            self._news.clear()
            await self._news.wait()


async def test_questions_that_come_together_are_one_listing() -> None:
    server = Asked()
    batcher = RefsBatcher(server.ask)
    tasks = [asyncio.create_task(batcher.refs(REMOTE, [name])) for name in ("a", "b", "gone")]
    await server.asked(1)
    server.answers[0].set_result({"a": "1", "b": "2"})
    assert await asyncio.gather(*tasks) == [{"a": "1"}, {"b": "2"}, {}]
    assert server.questions == [frozenset({"a", "b", "gone"})]


async def test_a_question_is_never_answered_by_a_listing_that_began_before_it() -> None:
    server = Asked()
    batcher = RefsBatcher(server.ask)
    early = asyncio.create_task(batcher.refs(REMOTE, ["a"]))
    await server.asked(1)
    late = [asyncio.create_task(batcher.refs(REMOTE, ["a"])) for _ in range(3)]
    server.answers[0].set_result({"a": "before the push"})
    assert await early == {"a": "before the push"}
    await server.asked(2)
    server.answers[1].set_result({"a": "after the push"})
    assert await asyncio.gather(*late) == [{"a": "after the push"}] * 3
    assert len(server.questions) == 2


async def test_a_failed_listing_fails_its_own_callers_only() -> None:
    server = Asked()
    batcher = RefsBatcher(server.ask)
    first = asyncio.create_task(batcher.refs(REMOTE, ["a"]))
    await server.asked(1)
    second = asyncio.create_task(batcher.refs(REMOTE, ["a"]))
    server.answers[0].set_exception(OSError("away"))
    with pytest.raises(OSError, match="away"):
        await first
    await server.asked(2)
    server.answers[1].set_result({"a": "1"})
    assert await second == {"a": "1"}


async def test_a_caller_that_gives_up_leaves_the_others_their_answer() -> None:
    server = Asked()
    batcher = RefsBatcher(server.ask)
    impatient, patient = (asyncio.create_task(batcher.refs(REMOTE, ["a"])) for _ in range(2))
    await server.asked(1)
    impatient.cancel()
    server.answers[0].set_result({"a": "1"})
    assert await patient == {"a": "1"}
    assert impatient.cancelled()


async def test_work_for_one_key_runs_once_at_a_time_and_again_later() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    runs: list[str] = []

    async def work() -> int:
        runs.append("run")
        await asyncio.sleep(0)
        return len(runs)

    together = await asyncio.gather(*(flight.run("a", work) for _ in range(100)))
    assert together == [1] * 100
    assert await flight.run("a", work) == 2


async def test_a_failure_is_shared_and_not_remembered() -> None:
    flight: SingleFlight[str, int] = SingleFlight()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise OSError("away")

    async def succeed() -> int:
        return 7

    results = await asyncio.gather(
        *(flight.run("a", fail) for _ in range(5)), return_exceptions=True
    )
    assert {str(result) for result in results} == {"away"}
    assert await flight.run("a", succeed) == 7
