"""Which finished Runs are kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ebbflow.api.run import Run
from ebbflow.api.template import HistoryLimits
from ebbflow.domain.runs.queue import FINAL_PHASES, QueueState


def surplus(runs: Iterable[Run], limits: HistoryLimits, state: QueueState) -> tuple[Run, ...]:
    """Return the Runs that the history no longer keeps: finished ones beyond the limits, the oldest.

    Skipped and Cancelled count with the failed. A Run that the queue still lists is kept, and so is
    one that is being deleted already.
    """
    ended = [
        run
        for run in runs
        if run.status.phase in FINAL_PHASES
        and not state.lists(run.metadata.name)
        and run.metadata.deletion_timestamp is None
    ]
    ended.sort(key=_age, reverse=True)
    well = [run for run in ended if run.status.phase == "Succeeded"]
    badly = [run for run in ended if run.status.phase != "Succeeded"]
    return (*well[limits.succeeded :], *badly[limits.failed :])


def room_left(runs: Iterable[Run], gone: Iterable[Run], limits: HistoryLimits) -> int:
    """Return how many more Runs may end, however, before the history has to lose one."""
    lost = {run.metadata.uid for run in gone}
    ended = [
        run.status.phase
        for run in runs
        if run.status.phase in FINAL_PHASES and run.metadata.uid not in lost
    ]
    well = ended.count("Succeeded")
    return min(limits.succeeded - well, limits.failed - (len(ended) - well))


def _age(run: Run) -> tuple[str, str]:
    finished = run.status.finished_at or ""
    return finished, run.metadata.creation_timestamp or ""
