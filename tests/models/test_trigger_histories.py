"""Random histories of a repository, seen by operators that sleep, compete and are killed.

The model is short: every ref has a line of moves, each from where the one before it ended. Whatever
happened, the verdicts of a ref are such a line, it ends where the ref is, and each verdict that
fired has its one Run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from ebbflow.api.gittrigger import Delivery
from ebbflow.domain.ports import StaleWrite
from tests.support.memory_cluster import Killed
from tests.support.trigger_world import URL, TriggerOperator, TriggerWorld

BRANCHES = ("main", "stage", "release/1")

pushes = st.tuples(st.just("push"), st.sampled_from(BRANCHES))
rewinds = st.tuples(st.just("rewind"), st.sampled_from(BRANCHES), st.integers(0, 5))
deletions = st.tuples(st.just("delete"), st.sampled_from(BRANCHES))
polls = st.tuples(st.just("poll"), st.integers(0, 1))
both = st.tuples(st.just("both"))
passes = st.tuples(st.just("pass"), st.integers(0, 1))
deaths = st.tuples(st.just("die"), st.integers(0, 1), st.integers(0, 6))
steps = st.lists(
    st.one_of(pushes, rewinds, deletions, polls, both, passes, deaths), min_size=1, max_size=25
)


class History:
    """A world under random steps; it remembers every verdict that ever was in the ledger."""

    def __init__(self) -> None:
        self.world = TriggerWorld()
        self.operators = [TriggerOperator(self.world) for _ in range(2)]
        self.commits = [self.world.git.head(URL) or ""]
        self.verdicts: dict[tuple[str, str | None], Delivery] = {}

    async def play(self, step: tuple[str, *tuple[object, ...]]) -> None:
        self.world.clock.advance(1)
        self.change(*step)
        match step:
            case ("poll", int(who)):
                await self.operators[who].look()
            case ("both",):
                await asyncio.gather(*(operator.look() for operator in self.operators))
            case ("pass", int(who)):
                with contextlib.suppress(StaleWrite):
                    await self.operators[who].one_pass()
            case ("die", int(who), int(calls)):
                self.world.cluster.die_after(calls)
                try:
                    await self.operators[who].look()
                except Killed:
                    self.operators[who] = TriggerOperator(self.world)
                self.world.cluster.live_on()
        self.remember()

    def change(self, what: object, branch: object = None, index: object = 0) -> None:
        """Do to the repository what people do."""
        git = self.world.git
        match what, branch, index:
            case ("push", str(branch), _):
                self.commits.append(self.world.push(branch, f"Commit {len(self.commits)}"))
            case ("rewind", str(branch), int(index)):
                git.point(URL, branch, self.commits[index % len(self.commits)])
            case ("delete", str(branch), _) if git.head(URL, branch):
                git.point(URL, branch, None)

    def remember(self) -> None:
        for one in self.world.deliveries():
            self.verdicts[(one.id, one.ref)] = one


def check_lines(history: History, start: dict[str, str]) -> None:
    """Assert that the verdicts of each ref are one line of moves, which ends where the ref is."""
    lines: dict[str, list[Delivery]] = defaultdict(list)
    for one in history.verdicts.values():
        lines[one.ref or ""].append(one)
    for ref, line in lines.items():
        line.sort(key=lambda one: int(one.id.rpartition("#")[2]))
        at = start.get(ref)
        for move in line:
            assert move.before == at, (ref, [(m.id, m.before, m.after) for m in line])
            assert move.after != at
            at = move.after
        assert at == history.world.git.head(URL, ref.removeprefix("refs/heads/"))


@settings(max_examples=settings.default.max_examples // 2)
@given(steps)
def test_each_move_has_one_verdict_and_each_that_fired_one_run(
    script: list[tuple[str, *tuple[object, ...]]],
) -> None:
    async def play() -> None:
        history = History()
        await history.operators[0].settle()
        start = {head["ref"]: head["commit"] for head in history.world.status()["heads"]}
        for step in script:
            await history.play(step)
        history.world.clock.advance(1)
        await TriggerOperator(history.world).settle()
        history.remember()
        check_lines(history, start)
        fired = [one for one in history.verdicts.values() if one.verdict == "Fired"]
        named = [name for one in fired for name in one.runs or ()]
        assert len(named) == len(fired)
        assert sorted(named) == sorted(run.metadata.name for run in history.world.runs())

    asyncio.run(play())
