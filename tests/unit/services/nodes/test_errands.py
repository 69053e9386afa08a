"""Errands: work of attempts that takes longer than a pass, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from ebbflow.api.base import Key
from ebbflow.domain.objects import Account
from ebbflow.services.nodes.errands import RECHECK, Errands
from ebbflow.services.nodes.kind import (
    Call,
    Context,
    Failed,
    NotNow,
    Result,
    Running,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.spec import NodeSpec

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RUN = Running(
    key=Key("Run", "default", "one"),
    uid="run",
    source=Key("Template", "default", "shop"),
    source_uid="shop",
    account=Account("default", "default"),
    commit=None,
    actor=None,
    editors=(),
    approvals=(),
)


def call(*, fresh: bool) -> Call[NodeSpec]:
    return Call(
        path="0",
        ref=None,
        kind="Message",
        spec=NodeSpec(),
        raw={},
        attempt=1,
        attempt_at=NOW,
        now=NOW,
        fresh=fresh,
        context=Context("default"),
        run=RUN,
    )


class Slow:
    """Work that comes to its end when it is let."""

    def __init__(self, end: Result | Exception) -> None:
        self._end = end
        self.let = asyncio.Event()
        self.begun = 0

    async def __call__(self) -> Result:
        self.begun += 1
        await self.let.wait()
        if isinstance(self._end, Exception):
            raise self._end
        return self._end


Follow = Callable[[Call[Any], Callable[[], Coroutine[Any, Any, Result]]], Coroutine[Any, Any, Any]]


@pytest.fixture
def follow() -> Follow:
    return partial(Errands(patience=0).follow, lost="it was lost", meanwhile="it is under way")


async def ended(follow: Follow, work: Slow) -> Result:
    """Let the work come to its end, and return what later calls are told."""
    work.let.set()
    result: Result = Working("not seen yet")
    while isinstance(result, Working):
        result = await follow(call(fresh=False), work)
    return result


async def test_slow_work_is_begun_once_and_its_result_told(follow: Follow) -> None:
    work = Slow(Succeeded({"a": 1}))
    assert await follow(call(fresh=True), work) == Working("it is under way", after=RECHECK)
    assert await ended(follow, work) == Succeeded({"a": 1})
    assert work.begun == 1


async def test_work_that_nobody_here_began_is_lost(follow: Follow) -> None:
    work = Slow(Succeeded())
    assert await follow(call(fresh=False), work) == Failed("it was lost")
    assert work.begun == 0


async def test_slow_work_that_came_to_nothing_begins_again(follow: Follow) -> None:
    """By then the attempt is not fresh any more."""
    refused = Slow(NotNow("slow down"))
    await follow(call(fresh=True), refused)
    with pytest.raises(NotNow):
        await ended(follow, refused)
    work = Slow(Succeeded())
    assert await ended(follow, work) == Succeeded()
    assert (refused.begun, work.begun) == (1, 1)
