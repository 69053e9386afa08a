"""The Runs that triggers start: each made once, under a name that follows from what it is for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.api.gittrigger import GitTrigger, TriggerTarget, Verdict
from ebbflow.api.reasons import Reason
from ebbflow.api.run import ArgumentFrom, Run, RunSource, RunSpec, RunTrigger
from ebbflow.api.template import Template
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.effective import is_paused
from ebbflow.domain.ports import Cluster, InvalidObject
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.gate import Ours, Taken
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.triggered import TooManyValues, trigger_note
from ebbflow.services.runs.run_claims import Turns, make_once, way_out

log = logging.getLogger(__name__)

RUNNABLE: Final = "Template"
"""The kind of target that has a document to run."""

PAUSED: Final = (Reason.TRIGGER_PAUSED, Reason.TARGET_PAUSED)
"""Why nothing is started, where somebody wants it so."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a Run is to be made: what its status will tell, and what it can read of it.

    `key`: what makes two sightings the same cause, without the parent. `refs`: values by name, as
    `${refs.NAME…}` reads them. The arguments go over those of the parent.
    """

    key: TriggerKey
    trigger: RunTrigger
    refs: Mapping[str, Json] = field(default_factory=dict)
    arguments: JsonObject = field(default_factory=dict)
    arguments_from: tuple[ArgumentFrom, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """The target's Run is there, made now or earlier."""

    run: str


@dataclass(frozen=True, slots=True)
class NotMade:
    """The target starts nothing for this cause; the message says why, and what to do."""

    reason: Reason
    message: str


Outcome = Made | NotMade

Target = Template | NotMade
"""A target as it was read, paused or not; or why it cannot be started."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a cause came to for all targets of a trigger, in their order."""

    outcomes: tuple[Outcome, ...]

    @property
    def runs(self) -> tuple[str, ...]:
        """The names of the Runs."""
        return tuple(one.run for one in self.outcomes if isinstance(one, Made))

    @property
    def reason(self) -> Reason:
        """Why it came to this; of targets that start nothing, those that are paused say the least."""
        if self.runs:
            return Reason.RULES_MET
        failures = (one.reason for one in self._refusals if one.reason is not Reason.TARGET_PAUSED)
        return next(failures, Reason.TARGET_PAUSED)

    @property
    def verdict(self) -> Verdict:
        """What the ledger calls it."""
        if self.runs:
            return "Fired"
        return "Ignored" if self.reason in PAUSED else "Failed"

    @property
    def message(self) -> str:
        """Why some targets started nothing; empty if all did."""
        return "; ".join(one.message for one in self._refusals)

    @property
    def _refusals(self) -> tuple[NotMade, ...]:
        return tuple(one for one in self.outcomes if isinstance(one, NotMade))


class TriggeredRuns:
    """Makes Runs for causes. What names a Run is its cause alone, so making it twice makes one."""

    def __init__(self, cluster: Cluster, store: RunStore, turns: Turns) -> None:
        self._cluster = cluster
        self._store = store
        self._turns = turns

    async def targets(self, trigger: GitTrigger) -> tuple[Target, ...]:
        """Read the targets of a trigger once each, in their order. Raises ClusterError."""
        namespace = trigger.metadata.namespace
        return tuple([await self._read(namespace, target) for target in trigger.spec.targets])

    async def start(self, targets: Iterable[Target], cause: Cause) -> Tally:
        """Make the Runs of targets that were just read.

        Raises StaleWrite (read them again) and ClusterError; what was made stays.
        """
        return Tally(tuple([await self._start(target, cause) for target in targets]))

    async def _read(self, namespace: str, target: TriggerTarget) -> Target:
        if target.kind != RUNNABLE:
            return NotMade(
                Reason.TARGET_NOT_FOUND,
                f"{target.kind} {target.name} cannot be started yet: name a Template",
            )
        try:
            found = await self._cluster.get(Template, namespace, target.name)
        except InvalidObject as error:
            message = f"Template {target.name} cannot be read: {error}"
            return NotMade(Reason.TARGET_NOT_FOUND, message)
        return found or _missing(target.name)

    async def _start(self, target: Target, cause: Cause) -> Outcome:
        if isinstance(target, NotMade):
            return target
        name = target.metadata.name
        if target.metadata.deletion_timestamp:
            return _missing(name)
        if is_paused(target):
            return NotMade(
                Reason.TARGET_PAUSED,
                f"Template {name} is paused: options.paused of its document is true",
            )
        return await self._make(target, cause)

    async def _make(self, parent: Template, cause: Cause) -> Outcome:
        key = replace(cause.key, parent_uid=parent.metadata.uid)
        source = RunSource(kind=RUNNABLE, name=parent.metadata.name)
        try:
            notes = trigger_note(cause.trigger, cause.refs)
        except TooManyValues as error:
            return NotMade(Reason.INVALID_SPEC, str(error))
        spec = RunSpec(
            source=source, arguments=cause.arguments, arguments_from=cause.arguments_from
        )
        name = key.run_name(parent.metadata.name)
        match await make_once(self._store, parent, key, spec, notes):
            case Run() as made:
                log.info("%s starts the Run %s", cause.trigger.type, name)
                self._turns.take_in(made, parent)
                return Made(name)
            case Ours():
                # Whoever made it may have got no further.
                self._turns.look(parent)
                return Made(name)
            case Taken() as taken:
                return NotMade(
                    Reason.NAME_TAKEN,
                    f"the Run would have the name {name}, but {way_out(parent, key, taken)}",
                )


def cause_key(trigger: GitTrigger, ref: str, commit: str, nonce: str) -> TriggerKey:
    """Return what makes two sightings of a trigger's event the same; its parent is added later.

    `nonce`: the number of the ref's move, the time of a schedule, the delivery of a webhook.
    """
    return TriggerKey("", trigger.metadata.uid, ref=ref, commit=commit, nonce=nonce)


def _missing(name: str) -> NotMade:
    return NotMade(
        Reason.TARGET_NOT_FOUND, f"there is no Template {name}; create it or change spec.targets"
    )
