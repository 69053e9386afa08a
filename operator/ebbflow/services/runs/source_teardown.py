"""Runs the teardownSpec of a source that is being deleted, before what its runs made goes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.edit_record import RecordKey
from ebbflow.domain.outcome import Postponed, Report, Stalled
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.queue import is_held
from ebbflow.domain.runs.teardown import (
    Again,
    Begin,
    Broken,
    FailurePolicy,
    Passed,
    UnderWay,
    failure_policy,
    is_teardown,
    new_teardown,
    stage_of,
)

AT_ONCE: Final = timedelta(0)
RECHECK: Final = timedelta(seconds=5)
"""The end of the Run makes us look; should that get lost, this is how soon it is seen."""

TERMINATING: Final = "because it is being terminated"
"""The API server's words where nothing can be made any more, since the namespace is going."""


class SourceTeardown:
    """Takes a deleted source through its teardown, as a Run of its own."""

    def __init__(self, store: RunStore, record_key: RecordKey) -> None:
        self._store = store
        self._record_key = record_key
        self._told: set[str] = set()

    def keeps(self, run: Run) -> bool:
        """Tell whether a Run that has ended is still looked at: how it ended must not be lost."""
        return is_teardown(run, self._record_key())

    async def go(self, source: Template, runs: Iterable[Run]) -> Postponed | Report | None:
        """Make one pass; None once nothing more is to be waited for.

        Raises StaleWrite, ClusterError.
        """
        policy, key = failure_policy(source.spec.document or {}), self._record_key()
        if policy is None:
            return None
        if key is None:
            # A Run that nobody signed would not be known for a teardown.
            return Postponed(RECHECK)
        stage = stage_of(source, runs, key)
        if isinstance(stage, Broken):
            return await self._failed(source, stage, policy)
        return await self._go_on(source, stage)

    async def _go_on(
        self, source: Template, stage: Begin | UnderWay | Passed | Again
    ) -> Postponed | None:
        match stage:
            case Begin():
                return await self._begin(source)
            case UnderWay():
                return Postponed(RECHECK)
            case Passed():
                return None
            case Again(run):
                await self._store.release(run)
                return Postponed(AT_ONCE)

    async def _failed(
        self, source: Template, broken: Broken, policy: FailurePolicy
    ) -> Report | None:
        if policy == "block":
            return _blocked(source, broken.run, broken.why)
        await self._announce_once(
            source,
            f"the teardown failed, and failurePolicy is ignore: what runs made is deleted all the "
            f"same. The Run {broken.run.metadata.name}: {broken.why}",
        )
        return None

    async def end(self, source: Template, runs: Iterable[Run]) -> None:
        """Let go of what is kept for a source that is gone. Raises StaleWrite, ClusterError."""
        self._told.discard(source.metadata.uid)
        for run in runs:
            if is_held(run) and self.keeps(run):
                await self._store.release(run)

    async def _begin(self, source: Template) -> Postponed | None:
        try:
            await self._store.create(new_teardown(source))
        except ClusterError as error:
            if error.code != HTTPStatus.FORBIDDEN or TERMINATING not in str(error):
                raise
            await self._announce_once(
                source, "no teardown is run: the namespace is being deleted, with all that is in it"
            )
            return None
        return Postponed(AT_ONCE)

    async def _announce_once(self, source: Template, words: str) -> None:
        if source.metadata.uid not in self._told:
            self._told.add(source.metadata.uid)
            await self._store.announce(source, Reason.TEARDOWN_FAILED, words, warning=True)


def _blocked(source: Template, run: Run, why: str) -> Report:
    """Report that the deletion waits for a person, and what that person can do."""
    name, namespace = run.metadata.name, run.metadata.namespace
    message = (
        f"the deletion waits, because the teardown failed: the Run {name}: {why}; correct the cause "
        f"and try again: kubectl delete runs.ebbflow.dev {name} -n {namespace}; or let go without "
        "it: remove teardownSpec from spec.document, or set spec.deletionPolicy to Orphan"
    )
    status = source.status.dump()
    return Report(source, Stalled(Reason.TEARDOWN_FAILED, message), status)
