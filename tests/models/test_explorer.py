"""Every order of steps of a small world, breadth first: no invariant can be broken.

Two replicas, one parent, three triggers of which two are the same, one crash, one change of the
Lease, one stale read: two of these misfortunes at a time, since all at once are too many worlds to
visit here; the random histories below have them all. The model is tests/support/run_model.py; it decides by the real functions.
"""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ebbflow.api.template import ConcurrencyPolicy
from tests.support.run_model import Model
from tests.support.run_world import (
    Guards,
    Setting,
    Trigger,
    World,
    Wrong,
    beginning,
    check,
    check_end,
)

THREE = (Trigger("a", 0), Trigger("a", 1), Trigger("b", 1))


def explore(model: Model) -> int:
    """Visit every world that can be reached; return how many. Raises Wrong with the way there."""
    first = beginning(model.setting)
    came: dict[World, tuple[str, World] | None] = {first: None}
    line = deque([first])
    while line:
        world = line.popleft()
        step = "check"
        try:
            check(world, model.setting)
            ended = True
            for step, after in model.steps(world):
                ended = ended and step.endswith("crashes")
                if after not in came:
                    came[after] = (step, world)
                    line.append(after)
            if ended:
                check_end(world)
        except Wrong as wrong:
            raise Wrong(f"{wrong}\n" + "\n".join(way_to(world, came))) from wrong
    return len(came)


def way_to(world: World, came: dict[World, tuple[str, World] | None]) -> list[str]:
    way: list[str] = []
    while (last := came[world]) is not None:
        way.append(last[0])
        world = last[1]
    return way[::-1]


APART = (Trigger("a", 0), Trigger("b", 1))
POLICIES: tuple[ConcurrencyPolicy, ...] = ("Allow", "Queue", "Forbid", "Latest", "Replace")

EXPLORED = [
    pytest.param(Setting(THREE, crashes=1, stale_reads=1), id="Queue-crash"),
    *(
        pytest.param(
            Setting(APART, policy=policy, crashes=1, lease_changes=1), id=f"{policy}-lease"
        )
        for policy in POLICIES[1:]
    ),
    pytest.param(Setting(APART, policy="Allow", lease_changes=1), id="Allow-lease"),
    *(
        pytest.param(
            Setting((Trigger("a", 1),), ("h",), policy=policy, lease_changes=1, stale_reads=1),
            id=f"{policy}-by-hand",
        )
        for policy in ("Forbid", "Latest")
    ),
    *(
        pytest.param(
            Setting((Trigger("a", 1),), ("h",), dry=("h",), policy=policy, lease_changes=1),
            id=f"{policy}-dry",
        )
        for policy in POLICIES
    ),
    pytest.param(Setting(THREE, squatted=("b",), crashes=1), id="a-name-that-is-taken"),
    pytest.param(
        Setting((Trigger("a", 0),), ("p", "q"), limit=1, crashes=2), id="Queue-full-crash"
    ),
]


@pytest.mark.parametrize("setting", EXPLORED)
def test_no_order_of_steps_breaks_an_invariant(setting: Setting):
    assert explore(Model(setting)) > 1000


@pytest.mark.parametrize(
    ("guards", "setting", "broken"),
    [
        pytest.param(
            Guards(compare_versions=False),
            Setting(THREE, lease_changes=1),
            "I",
            id="no-comparison-of-resource-versions",
        ),
        pytest.param(
            Guards(record_first=False), Setting(THREE), "I2", id="made-before-it-is-recorded"
        ),
        pytest.param(
            Guards(check_owner=False), Setting(THREE, squatted=("b",)), "I5", id="adopted-by-name"
        ),
        pytest.param(
            Guards(check_fence=False), Setting(APART, lease_changes=1), "I8", id="fence-ignored"
        ),
    ],
)
def test_without_a_guard_the_explorer_finds_the_way_to_a_broken_invariant(
    guards: Guards, setting: Setting, broken: str
):
    with pytest.raises(Wrong, match=f"^{broken}"):
        explore(Model(setting, guards))


class Histories(RuleBasedStateMachine):
    """Longer histories than can be explored whole: more triggers, people, crashes and leaders."""

    @initialize(
        keys=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1)), max_size=7),
        by_hand=st.sets(st.sampled_from("pqrstu")),
        policy=st.sampled_from(POLICIES),
        limit=st.integers(1, 4),
        spread=st.booleans(),
    )
    def begin(self, keys, by_hand, policy, limit, spread) -> None:
        triggers = tuple(Trigger(*key) for key in keys)
        people = tuple(sorted(by_hand))
        dry = tuple(name for name in people if name < "r")
        setting = Setting(triggers, people, dry, ("d",), policy, limit, 3, 3, 3, spread)
        self.model = Model(setting)
        self.world = beginning(setting)

    @rule(choice=st.integers(0, 10**6))
    def step(self, choice: int) -> None:
        steps = list(self.model.steps(self.world))
        if steps:
            self.world = steps[choice % len(steps)][1]

    @invariant()
    def holds(self) -> None:
        check(self.world, self.model.setting)

    def teardown(self) -> None:
        """Without more misfortune everything is done in the end."""
        if not hasattr(self, "world"):
            return
        self.world = self.world._replace(crashes=0, lease_changes=0, stale_reads=0)
        for _ in range(1000):
            steps = list(self.model.steps(self.world))
            if not steps:
                break
            self.world = steps[0][1]
            check(self.world, self.model.setting)
        check_end(self.world)


TestHistories = Histories.TestCase
TestHistories.settings = settings(stateful_step_count=60)
