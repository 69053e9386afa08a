"""Schedules tick by the clock of the operator's machine, which these tests set forward."""

from __future__ import annotations

import itertools
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.apiproxy import ApiProxy
from tests.support.clock_skew import SkewedClock
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.ran import JsonObject, deployer
from tests.support.triggered import SOON, Following, follow
from tests.support.waiting import eventually

BEFORE_SECONDS, AFTER_SECONDS = 2, 5
MISSED = 4
LOOKS = itertools.count(1)


@pytest.fixture
def clock(tmp_path: Path) -> SkewedClock:
    made = SkewedClock(tmp_path)
    # Just after a minute, so that none begins by itself while a test looks.
    made.set(AFTER_SECONDS - int(time.time()) % 60)
    return made


def each_minute(kubectl: Kubectl, namespace: str) -> Following:
    """Make a trigger that starts a run each minute, and has looked."""
    robot = deployer(kubectl, namespace)
    rules = {"type": "Schedule", "schedule": "* * * * *", "interval": None}
    return follow(kubectl, namespace, "shop", None, ["time"], robot=robot, **rules)


def next_time(shop: Following) -> str:
    return str(shop.status()["nextRunAt"])


def set_before(clock: SkewedClock, told: str) -> None:
    """Set the clock to shortly before a time."""
    moment = datetime.fromisoformat(told) - timedelta(seconds=BEFORE_SECONDS)
    clock.set(int(moment.timestamp() - time.time()))


def started_at(shop: Following, told: str) -> JsonObject:
    """Wait for the one Run of a time, and for its success; the verdict."""
    verdict = eventually(
        lambda: [one for one in shop.deliveries() if one["id"] == told and one.get("runs")],
        SOON,
        f"the time {told} to start a run",
    )[0]
    (name,) = verdict["runs"]
    run = shop.source.wait_end(name)
    assert run["status"]["trigger"]["type"] == "Schedule"
    assert shop.told() == {"time": told}
    return dict(verdict)


def test_each_time_of_a_schedule_starts_one_run(
    operators: Operators, proxy: ApiProxy, clock: SkewedClock, kubectl: Kubectl, namespace: str
) -> None:
    operators(through=proxy, environment=clock.environment)
    shop = each_minute(kubectl, namespace)
    for number in (1, 2):
        told = next_time(shop)
        set_before(clock, told)
        # The timer that runs does not know of it; this look sets another.
        kubectl.annotate("GitTrigger", "shop", namespace, **{"requested-at": str(next(LOOKS))})
        verdict = started_at(shop, told)
        assert (verdict["verdict"], verdict["source"]) == ("Fired", "Schedule")
        assert verdict["at"] >= told
        assert shop.status()["lastScheduledAt"] == told
        assert len(shop.source.runs()) == number


def test_of_the_times_that_passed_without_an_operator_the_newest_starts_a_run(
    operators: Operators, proxy: ApiProxy, clock: SkewedClock, kubectl: Kubectl, namespace: str
) -> None:
    operator = operators(through=proxy, environment=clock.environment)
    shop = each_minute(kubectl, namespace)
    first = datetime.fromisoformat(next_time(shop))
    operator.kill()
    back = first + timedelta(minutes=MISSED, seconds=10)
    clock.set(int(back.timestamp() - time.time()))
    operator.start()
    eventually(shop.source.runs, SOON, "the newest of the missed times to start a run")
    (verdict,) = shop.deliveries()
    newest = datetime.fromisoformat(verdict["id"])
    assert newest == first + timedelta(minutes=MISSED)
    assert f"{MISSED} earlier times were missed" in verdict["message"]
    started_at(shop, verdict["id"])
    assert len(shop.source.runs()) == 1
