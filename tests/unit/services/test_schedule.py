"""The schedule runs actions at their time, and each entry once."""

from __future__ import annotations

import asyncio

from ebbflow.services.schedule import Schedule
from tests.support.memory_cluster import ManualClock


async def test_actions_run_in_the_order_of_their_times() -> None:
    clock, ran = ManualClock(), list[str]()
    schedule = Schedule(clock)
    schedule.after(3, "c", lambda: ran.append("c"))
    schedule.after(1, "a", lambda: ran.append("a"))
    schedule.after(2, "b", lambda: ran.append("b"))
    clock.advance(2.5)
    assert schedule._run_due() == 0.5
    assert ran == ["a", "b"]
    clock.advance(1)
    assert schedule._run_due() is None
    assert ran == ["a", "b", "c"]


async def test_an_entry_replaces_its_namesake_and_can_be_cancelled() -> None:
    clock, ran = ManualClock(), list[str]()
    schedule = Schedule(clock)
    schedule.after(1, "a", lambda: ran.append("old"))
    schedule.after(2, "a", lambda: ran.append("new"))
    schedule.after(1, "b", lambda: ran.append("b"))
    schedule.cancel("b")
    assert "a" in schedule
    assert "b" not in schedule
    clock.advance(5)
    schedule._run_due()
    assert ran == ["new"]


async def test_an_action_may_schedule_itself_again() -> None:
    clock, ran = ManualClock(), list[float]()
    schedule = Schedule(clock)

    def again() -> None:
        ran.append(clock.monotonic())
        schedule.after(1, "tick", again)

    schedule.after(1, "tick", again)
    for _ in range(3):
        clock.advance(1)
        schedule._run_due()
    assert len(ran) == 3


async def test_a_sooner_entry_wakes_the_running_schedule() -> None:
    class Clock(ManualClock):
        def monotonic(self) -> float:
            return asyncio.get_running_loop().time()

    schedule, ran = Schedule(Clock()), asyncio.Event()
    running = asyncio.create_task(schedule.run())
    schedule.after(3600, "late", lambda: None)
    await asyncio.sleep(0)
    schedule.after(0, "soon", ran.set)
    async with asyncio.timeout(5):
        await ran.wait()
    running.cancel()
