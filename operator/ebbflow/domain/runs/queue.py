"""What the functions of this package look at: a parent's queue, its rules, and facts about its Runs.

The parent is the object whose document runs. Its status says which Runs may run (`active`) and
which wait (`queue`); it is written by compare-and-swap only. A Run runs only while a fresh read of
the parent lists it in `active`. Dry runs are in no list: they run whatever else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.run import RUN_FINALIZER, TRIGGER_KEY, Run, RunPhase
from ebbflow.api.template import MAX_RECENT, ConcurrencyPolicy, TemplateStatus
from ebbflow.domain.times import read_time

QUEUE: Final = "RunQueue"
"""The kind of the keys under which queues are reconciled; no object has it."""

MAX_ACTIVE: Final = 1000
"""Runs of one parent at once under Allow; the next ones wait."""

FINAL_PHASES: Final[frozenset[RunPhase]] = frozenset(
    ("Succeeded", "Failed", "Cancelled", "Skipped")
)
STARTED_PHASES: Final[frozenset[RunPhase]] = frozenset(("Running", "Waiting"))


@dataclass(frozen=True, slots=True)
class Parent:
    """What holds for the Runs of one parent. `hold`: the Run that holds automatic triggers back.

    `suspended`: no Run begins, whoever asks; those that have begun go on.
    """

    uid: str
    policy: ConcurrencyPolicy = "Allow"
    limit: int = 20
    hold: str | None = None
    suspended: bool = False

    @property
    def room(self) -> int:
        """How many Runs may run at once."""
        if self.suspended:
            return 0
        return MAX_ACTIVE if self.policy == "Allow" else 1


@dataclass(frozen=True, slots=True)
class QueueState:
    """The part of a parent's status that is written by compare-and-swap only.

    `recent` holds the tokens of Runs that are done with: no trigger starts one of them again.
    `fence` is the highest leadership (lease transitions) that wrote here.
    """

    active: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    fence: int = 0

    def lists(self, name: str) -> bool:
        """Tell whether the Run may run or waits."""
        return name in self.active or name in self.queue

    def position(self, name: str) -> int | None:
        """Return the place of a Run that waits, from 1."""
        return self.queue.index(name) + 1 if name in self.queue else None

    def without(self, *names: str) -> QueueState:
        """Return the state with the Runs neither active nor waiting."""
        return replace(
            self,
            active=tuple(name for name in self.active if name not in names),
            queue=tuple(name for name in self.queue if name not in names),
        )

    def remembering(self, *tokens: str) -> QueueState:
        """Return the state with the tokens put in front of `recent`; the oldest are forgotten."""
        kept = tuple(token for token in self.recent if token not in tokens)
        return replace(self, recent=(*tokens, *kept)[:MAX_RECENT])


@dataclass(frozen=True, slots=True)
class RunFact:
    """What one read of a Run told. `owner_uid`: of the parent that it is tied to, None if to none.

    `created` is in whole seconds, as the API server keeps it. `for_trigger`: its name was made from
    a trigger's key, so that the name tells what it was made for. `dry`: it changes nothing, so it
    is in nobody's way and nobody in its.
    """

    name: str
    uid: str
    created: datetime
    owner_uid: str | None = None
    phase: RunPhase | None = None
    finished_at: datetime | None = None
    fence: int = 0
    for_trigger: bool = False
    cancel: bool = False
    deleting: bool = False
    dry: bool = False

    @property
    def over(self) -> bool:
        """Whether it has ended, however."""
        return self.phase in FINAL_PHASES

    @property
    def started(self) -> bool:
        """Whether it is under way."""
        return self.phase in STARTED_PHASES

    @property
    def token(self) -> str:
        """What `recent` remembers it by: people may use a name again, a trigger's key is one."""
        return self.name if self.for_trigger else self.uid


Facts = Mapping[str, RunFact | None]
"""Runs by name. None: asked for by name after the parent was read, and not there. A name that is
missing was not asked for: nothing is known of it.
"""


@dataclass(frozen=True, slots=True)
class Request:
    """A Run that is asked for. `made`: what is known of it if the object exists already (a person
    made it), None for a trigger's, which is recorded before it is made.
    """

    name: str
    made: RunFact | None = None
    automatic: bool = False

    @property
    def token(self) -> str:
        """What `recent` would know it by."""
        return self.made.token if self.made else self.name


def read_queue(status: TemplateStatus) -> QueueState:
    """Return the queue that a parent's status holds."""
    return QueueState(
        status.active or (), status.queue or (), status.recent or (), status.fence or 0
    )


def queue_fields(state: QueueState) -> JsonObject:
    """Return the fields of a parent's status, in wire form."""
    return {
        "active": list(state.active),
        "queue": list(state.queue),
        "recent": list(state.recent),
        "fence": state.fence,
    }


def run_fact(run: Run, owner_uid: str | None) -> RunFact:
    """Return what a Run tells; `owner_uid` is of its owner reference to a parent, if it has one."""
    created = run.metadata.creation_timestamp
    finished = run.status.finished_at
    return RunFact(
        name=run.metadata.name,
        uid=run.metadata.uid,
        created=read_time(created) if created else datetime.min.replace(tzinfo=UTC),
        owner_uid=owner_uid,
        phase=run.status.phase,
        finished_at=read_time(finished) if finished else None,
        fence=run.status.fence or 0,
        for_trigger=TRIGGER_KEY in run.metadata.annotations,
        cancel=run.spec.cancel,
        deleting=run.metadata.deletion_timestamp is not None,
        dry=run.spec.dry_run,
    )


def is_held(run: Run) -> bool:
    """Tell whether the Run's finalizer is there, so that it cannot vanish unseen."""
    return RUN_FINALIZER in run.metadata.finalizers


def queue_key(source: Key) -> Key:
    """Return the key under which the queue of a source is reconciled."""
    return Key(QUEUE, source.namespace, source.name)
