"""Random histories in memory: edits on both sides, faults at every call, and not one edit lost.

EBBFLOW_SEED is the first seed, EBBFLOW_HISTORIES how many follow each other, EBBFLOW_STEPS their
length, or the numbers of the steps to make, such as 3,7,12: a failure prints all three.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support.memory_cluster import MemoryCluster
from tests.support.memory_git import MemoryGit
from tests.support.random_history.game import play, shrink

FIRST = int(os.environ.get("EBBFLOW_SEED", "0"))
HISTORIES = int(os.environ.get("EBBFLOW_HISTORIES", "24"))
SEEDS = range(FIRST, FIRST + HISTORIES)


def steps() -> tuple[int, ...]:
    chosen = os.environ.get("EBBFLOW_STEPS", "60")
    if "," in chosen:
        return tuple(int(step) for step in chosen.split(","))
    return tuple(range(int(chosen)))


@pytest.fixture(scope="module", autouse=True)
def _seeds_are_printed(request: pytest.FixtureRequest) -> None:
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"random histories: EBBFLOW_SEED={FIRST} EBBFLOW_HISTORIES={HISTORIES}")


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed-{seed}") for seed in SEEDS])
def test_no_edit_is_lost_whatever_happens(seed: int) -> None:
    failure = play(seed, steps())
    if failure is None:
        return
    least = shrink(failure, seed)
    numbers = ",".join(map(str, least.steps)) + ","
    pytest.fail(
        f"{least.words}\n\n"
        f"EBBFLOW_SEED={seed} EBBFLOW_HISTORIES=1 EBBFLOW_STEPS={numbers} "
        f"python -m pytest tests/models/test_random_history.py\n\n" + "\n".join(least.trace),
        pytrace=False,
    )


# Once found, and shrunk to the steps that matter

FOUND = [
    # The branch moves between a resolution's half in the object and its half in the file.
    pytest.param(1795283673, (5, 18, 24, 28, 30, 32, 33, 40), id="resolved-and-overtaken"),
]


@pytest.mark.parametrize(("seed", "numbers"), FOUND)
def test_what_went_wrong_once_stays_mended(seed: int, numbers: tuple[int, ...]) -> None:
    failure = play(seed, numbers)
    assert failure is None, "\n".join((failure.words, *failure.trace))


# Whether it would notice


def overwriting_pushes(patch: pytest.MonkeyPatch) -> None:
    receive = MemoryGit._receive

    def force(git: MemoryGit, repository, branch, commit):  # type: ignore[no-untyped-def]
        repository.branches[branch] = commit.parent
        return receive(git, repository, branch, commit)

    patch.setattr(MemoryGit, "_receive", force)


def overwriting_writes(patch: pytest.MonkeyPatch) -> None:
    def no_check(cluster: MemoryCluster, what, observed):  # type: ignore[no-untyped-def]
        cluster._called(f"{what} {observed.key}")
        return cluster.raw(observed.key)

    patch.setattr(MemoryCluster, "_to_write", no_check)


def forgotten_records(patch: pytest.MonkeyPatch) -> None:
    async def forget(cluster: MemoryCluster, template, pending):  # type: ignore[no-untyped-def]
        return template

    patch.setattr(MemoryCluster, "set_pending_write", forget)


@pytest.mark.parametrize(
    "sabotage",
    [overwriting_pushes, overwriting_writes, forgotten_records],
    ids=lambda s: s.__name__,
)
def test_a_broken_promise_is_noticed(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert any(play(seed, range(60)) for seed in range(40))
