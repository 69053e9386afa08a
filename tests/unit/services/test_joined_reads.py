"""Reads that join: one for many, and never an answer from before the question."""

from __future__ import annotations

import asyncio

import pytest

from ebbflow.services.joined_reads import JoinedReads


class Shelf:
    """What is read: counts the reads, which end when they are told to."""

    def __init__(self) -> None:
        self.holds = "old"
        self.reads: list[str] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.fails = False
        self.pauses = 0

    async def pause(self) -> None:
        self.pauses += 1
        await asyncio.sleep(0)

    async def read(self, key: str) -> str:
        found = self.holds
        self.reads.append(key)
        self.begun.set()
        await self.may_end.wait()
        if self.fails:
            raise OSError(key)
        return found


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf()


async def test_all_who_ask_together_share_one_read(shelf: Shelf) -> None:
    shelf.may_end.set()
    joined = JoinedReads(shelf.read, shelf.pause)
    assert await asyncio.gather(*(joined.get("a") for _ in range(5))) == ["old"] * 5
    assert shelf.reads == ["a"]


async def test_who_reads_alone_does_not_wait_for_others(shelf: Shelf) -> None:
    shelf.may_end.set()
    joined = JoinedReads(shelf.read, shelf.pause)
    for _ in range(3):
        await joined.get("a")
    assert shelf.pauses == 0


async def test_who_asks_in_the_pause_after_a_read_shares_the_next_one(shelf: Shelf) -> None:
    joined: JoinedReads[str, str]
    late: list[asyncio.Task[str]] = []

    async def pause() -> None:
        late.append(asyncio.create_task(joined.get("a")))
        await asyncio.sleep(0)

    joined = JoinedReads(shelf.read, pause)
    first = asyncio.create_task(joined.get("a"))
    await shelf.begun.wait()
    second = asyncio.create_task(joined.get("a"))
    await asyncio.sleep(0)
    shelf.may_end.set()
    await asyncio.gather(first, second, *late)
    assert len(late) == 1
    assert await late[0] == "old"
    assert shelf.reads == ["a", "a"]


async def test_different_keys_are_read_apart_and_at_once(shelf: Shelf) -> None:
    shelf.may_end.set()
    joined = JoinedReads(shelf.read, shelf.pause)
    await asyncio.gather(joined.get("a"), joined.get("b"))
    assert sorted(shelf.reads) == ["a", "b"]


async def test_one_who_asks_during_a_read_gets_the_answer_of_the_next(shelf: Shelf) -> None:
    joined = JoinedReads(shelf.read, shelf.pause)
    first = asyncio.create_task(joined.get("a"))
    await shelf.begun.wait()
    shelf.holds = "new"
    late = [asyncio.create_task(joined.get("a")) for _ in range(3)]
    shelf.may_end.set()
    assert await first == "old"
    assert await asyncio.gather(*late) == ["new"] * 3
    assert shelf.reads == ["a", "a"]


async def test_nothing_is_kept_for_one_who_asks_later(shelf: Shelf) -> None:
    shelf.may_end.set()
    joined = JoinedReads(shelf.read, shelf.pause)
    assert await joined.get("a") == "old"
    shelf.holds = "new"
    assert await joined.get("a") == "new"


async def test_a_failure_is_everybodys_who_shared_the_read_and_nobodys_later(shelf: Shelf) -> None:
    shelf.may_end.set()
    shelf.fails = True
    joined = JoinedReads(shelf.read, shelf.pause)
    failed = await asyncio.gather(joined.get("a"), joined.get("a"), return_exceptions=True)
    assert [type(each) for each in failed] == [OSError, OSError]
    shelf.fails = False
    assert await joined.get("a") == "old"


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(shelf: Shelf) -> None:
    joined = JoinedReads(shelf.read, shelf.pause)
    leaves = asyncio.create_task(joined.get("a"))
    stays = asyncio.create_task(joined.get("a"))
    await shelf.begun.wait()
    leaves.cancel()
    shelf.may_end.set()
    assert await stays == "old"
    assert shelf.reads == ["a"]
