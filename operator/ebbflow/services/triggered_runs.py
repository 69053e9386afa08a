"""The Runs that triggers start: each made once, under a name that follows from what it is for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from ebbflow.api.base import JsonObject
from ebbflow.api.gittrigger import GitTrigger, TriggerTarget
from ebbflow.api.reasons import Reason
from ebbflow.api.run import ArgumentFrom, Run, RunSource, RunSpec, RunTrigger
from ebbflow.api.template import Template
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.effective import is_paused, parent_of
from ebbflow.domain.ports import Cluster, InvalidObject, StaleWrite
from ebbflow.domain.run_store import NewRun, RunStore
from ebbflow.domain.runs.gate import Ours, Taken
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.triggered import TooManyValues, claim, trigger_note

log = logging.getLogger(__name__)

RUNNABLE: Final = "Template"
"""The kind of target that has a document to run."""


class Turns(Protocol):
    """Who gives Runs their turn; RunQueue is it."""

    def take_in(self, run: Run, parent: Template | None) -> None: ...

    def look(self, parent: Template) -> None: ...


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


@dataclass(frozen=True, slots=True)
class Tally:
    """What a cause came to for all targets of a trigger, in their order."""

    outcomes: tuple[Outcome, ...]

    @property
    def runs(self) -> tuple[str, ...]:
        """The names of the Runs."""
        return tuple(one.run for one in self.outcomes if isinstance(one, Made))

    @property
    def refusals(self) -> tuple[NotMade, ...]:
        """Why some targets started nothing."""
        return tuple(one for one in self.outcomes if isinstance(one, NotMade))


class TriggeredRuns:
    """Makes Runs for causes. What names a Run is its cause alone, so making it twice makes one."""

    def __init__(self, cluster: Cluster, store: RunStore, turns: Turns) -> None:
        self._cluster = cluster
        self._store = store
        self._turns = turns

    async def start_all(self, trigger: GitTrigger, cause: Cause) -> Tally:
        """Make the Runs of all targets of a trigger. Raises ClusterError; what was made stays."""
        namespace = trigger.metadata.namespace
        return Tally(
            tuple([await self.start(namespace, target, cause) for target in trigger.spec.targets])
        )

    async def start(self, namespace: str, target: TriggerTarget, cause: Cause) -> Outcome:
        """Make the Run of one target. Raises ClusterError; StaleWrite: try again."""
        if target.kind != RUNNABLE:
            return NotMade(
                Reason.TARGET_NOT_FOUND,
                f"{target.kind} {target.name} cannot be started yet: name a Template",
            )
        found = await self._find(namespace, target.name)
        return found if isinstance(found, NotMade) else await self._make(found, cause)

    async def _find(self, namespace: str, name: str) -> Template | NotMade:
        """Return the target, if it may be started by itself."""
        try:
            template = await self._cluster.get(Template, namespace, name)
        except InvalidObject as error:
            return NotMade(Reason.TARGET_NOT_FOUND, f"Template {name} cannot be read: {error}")
        if template is None or template.metadata.deletion_timestamp:
            return NotMade(
                Reason.TARGET_NOT_FOUND,
                f"there is no Template {name}; create it or change spec.targets",
            )
        if is_paused(template):
            return NotMade(
                Reason.TARGET_PAUSED,
                f"Template {name} is paused: options.paused of its document is true",
            )
        return template

    async def _make(self, parent: Template, cause: Cause) -> Outcome:
        key = replace(cause.key, parent_uid=parent.metadata.uid)
        source = RunSource(kind=RUNNABLE, name=parent.metadata.name)
        try:
            notes = trigger_note(cause.trigger, cause.refs)
        except TooManyValues as error:
            return NotMade(Reason.INVALID_SPEC, str(error))
        made = await self._store.create(
            NewRun(
                name=key.run_name(parent.metadata.name),
                parent=parent,
                spec=RunSpec(
                    source=source,
                    arguments=cause.arguments,
                    arguments_from=cause.arguments_from,
                ),
                trigger_key=key.digest,
                annotations=notes,
                held=parent_of(parent).policy != "Allow",
            )
        )
        if made is None:
            return await self._found(parent, key)
        log.info("%s starts the Run %s", cause.trigger.type, made.metadata.name)
        self._turns.take_in(made, parent)
        return Made(made.metadata.name)

    async def _found(self, parent: Template, key: TriggerKey) -> Outcome:
        """Say whose the Run is that has the cause's name. Raises StaleWrite if it has just gone."""
        namespace, name = parent.metadata.namespace, key.run_name(parent.metadata.name)
        try:
            found = await self._store.get(namespace, name)
        except InvalidObject:
            return _name_taken(namespace, name, "it cannot be read")
        if found is None:
            raise StaleWrite(f"Run {namespace}/{name} was deleted a moment ago", code=409)
        match claim(found, parent, key):
            case Ours():
                # Whoever made it may have got no further.
                self._turns.look(parent)
                return Made(name)
            case Taken(why):
                return _name_taken(namespace, name, why)


def cause_key(trigger: GitTrigger, ref: str, commit: str, nonce: str) -> TriggerKey:
    """Return what makes two sightings of a trigger's event the same; its parent is added later.

    `nonce`: the number of the ref's move, the time of a schedule, the delivery of a webhook.
    """
    return TriggerKey("", trigger.metadata.uid, ref=ref, commit=commit, nonce=nonce)


def _name_taken(namespace: str, name: str, why: str) -> NotMade:
    return NotMade(
        Reason.NAME_TAKEN,
        f"the Run would have the name {name}, but there is another of this name: {why}; "
        f"remove it: kubectl delete run {name} -n {namespace}",
    )
