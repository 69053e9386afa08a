"""What nobody expected: the Run says so, is tried again, and holds up no other."""

from __future__ import annotations

import pytest

from ebbflow.domain.objects import ObjectError
from ebbflow.domain.ports import StaleWrite
from tests.support.run_stage import RunWorld, config_map

SECRET = "hunter2"
SKIPPED_BY_SECRET = {**config_map("a", v="1"), "skipNodeExecution": "${secrets.s.values.off}"}


@pytest.fixture
def world() -> RunWorld:
    world = RunWorld()
    world.template(SKIPPED_BY_SECRET)
    return world


def breaks(call: str) -> ObjectError | None:
    if "Secret" in call:
        raise RuntimeError(f"a bug that shows {SECRET}")
    return None


async def failing_pass(world: RunWorld, name: str = "one") -> None:
    with pytest.raises(RuntimeError):
        await world.look(name)


@pytest.fixture
async def broken(world: RunWorld) -> RunWorld:
    world.objects.refusals.append(breaks)
    world.ask()
    with pytest.raises(RuntimeError):
        await world.settle()
    return world


async def test_a_fault_of_ours_is_told_by_the_run_without_the_words_of_the_error(
    broken: RunWorld,
) -> None:
    status = broken.run().status
    assert status.reason == "InternalError"
    assert "RuntimeError" in (status.message or "")
    assert "operator's log" in (status.message or "")
    assert SECRET not in status.model_dump_json()
    ready = next(one for one in status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("Unknown", "InternalError")


async def test_trying_again_ends_the_run_once_the_cause_is_gone(broken: RunWorld) -> None:
    await failing_pass(broken)
    broken.objects.refusals.clear()
    await broken.look_until("Failed")
    assert "there is no Secret s" in (broken.run().status.message or "").replace("'", "").replace(
        '"', ""
    )


async def test_the_same_fault_again_is_no_news(broken: RunWorld) -> None:
    await failing_pass(broken)
    before = broken.run().metadata.resource_version
    await failing_pass(broken)
    assert broken.run().metadata.resource_version == before


async def test_other_runs_go_on_beside_it(broken: RunWorld) -> None:
    broken.change(config_map("b", v="1"))
    await broken.has_run("two")
    assert broken.phase("two") == "Succeeded"


async def test_it_can_be_cancelled(broken: RunWorld) -> None:
    broken.edit("one", cancel=True)
    broken.objects.refusals.clear()
    await broken.look_until("Cancelled")


async def test_a_change_under_the_pass_is_no_fault(world: RunWorld) -> None:
    def stale(call: str) -> ObjectError | None:
        if "Secret" in call:
            raise StaleWrite("changed", code=409)
        return None

    world.objects.refusals.append(stale)
    world.ask()
    with pytest.raises(AssertionError, match="stale for ever"):
        await world.settle()
    assert world.run().status.reason != "InternalError"
