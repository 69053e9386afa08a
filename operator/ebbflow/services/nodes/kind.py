"""What a node kind is: the shape of its spec, how it is done, and how it is stopped.

A kind is one file in this package and one entry in `NODES`. Its `act` is level-triggered: it is
called when an attempt begins and again whenever something that it follows changed, or its time has
come, until it says that the attempt is over. It may be called again for an attempt that a killed
operator had begun, so its effect must be one that can be repeated: a server-side apply, a name that
follows from the attempt, an idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from ebbflow.api.base import JsonObject, Key, Model
from ebbflow.api.run import Approval, PlannedChange
from ebbflow.api.template import GitPlace
from ebbflow.domain.objects import Account, ObjectId

S = TypeVar("S", bound=Model)


@dataclass(frozen=True, slots=True)
class Context:
    """Defaults for the nodes below a workflow: the document's `context`, resolved."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """The run that a node belongs to. `commit` is that of its document, where it has one.

    `git`: the file that held the document then. `chain`: the sources of the runs that led to this
    one by RunTemplate nodes, the first first; this one's own is not among them.
    `actor` is who made the run, `editors` who edited its document, both as recorded.
    `maker_unknown`: a person made the run, and there is no record of whom.
    """

    key: Key
    uid: str
    source: Key
    source_uid: str
    account: Account
    commit: str | None
    actor: str | None
    editors: tuple[str, ...]
    approvals: tuple[Approval, ...]
    dry: bool = False
    git: GitPlace | None = None
    chain: tuple[Key, ...] = ()
    maker_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Call(Generic[S]):
    """One attempt of one node. Texts in `spec` that a secret went into are `Tainted`.

    `fresh`: the attempt has just begun in this process (or a killed one had begun it); later calls
    of the same attempt only look. `inherited`: another process had it on record as running, so
    whether it has had its effect nobody can tell. `waits`: the record says that it waits; what may
    be done once only must be on record as running first. `recalled`: the attempt has succeeded and
    only its outputs are asked for: nothing may be made. `raw` is the node's spec after rendering,
    before it was read as `spec`. `wanted` are the paths within the outputs that expressions of the
    document name. `timeout`: after which the engine ends the attempt, where the document has one.
    """

    path: str
    ref: str | None
    kind: str
    spec: S
    raw: JsonObject
    attempt: int
    attempt_at: datetime
    now: datetime
    fresh: bool
    context: Context
    run: Running
    recalled: bool = False
    inherited: bool = False
    waits: bool = False
    wanted: frozenset[tuple[str, ...]] = frozenset()
    timeout: timedelta | None = None

    @property
    def idempotency_key(self) -> str:
        """What tells this attempt from every other one, over restarts too."""
        return f"{self.run.uid}/{self.path}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class Working:
    """Not done yet. `message` says what it waits for; `after`: look again then at the latest.

    `follow`: objects whose changes matter; `made`: they carry the mark of what runs make.
    `waiting`: not the cluster is at work, but a person or a condition is waited for. `anew`: the
    effect was not made in full, so the next call is fresh again. `running`: what was made runs,
    though not to its end yet (`condition: running` waits for no more). `outputs` and `applied` count
    where a document does not wait for the node's end (`condition: none`). `unmade`: what the node
    is to make is not there yet, so that no document can go on without it.
    """

    message: str
    after: timedelta | None = None
    follow: tuple[ObjectId, ...] = ()
    made: bool = True
    waiting: bool = False
    anew: bool = False
    running: bool = False
    unmade: bool = False
    outputs: Any = None
    applied: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done. `outputs` is what `${refs.<ref>.…}` reads; `applied` are the objects that it made."""

    outputs: Any = None
    message: str = ""
    applied: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed. `final`: another attempt cannot do better, whatever `settings` say."""

    message: str
    final: bool = False


Result = Working | Succeeded | Failed


@dataclass(frozen=True, slots=True)
class Planned:
    """What a node would do. `outputs` and `applied` stand in for those that it would have."""

    changes: tuple[PlannedChange, ...] = ()
    outputs: Any = None
    applied: tuple[JsonObject, ...] = ()


class CannotDo(Exception):
    """The node cannot be done as the document has it; the text says what, where and what to do."""


class NotNow(Exception):
    """The node cannot be done now, for a cause that can pass by itself; the text says which.

    `after`: how soon to try again, where that is known. The attempt then begins again.
    """

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class NodeKind(Protocol[S]):
    """A kind of node. Implementations get the ports that they need when they are made."""

    name: ClassVar[str]
    """The `kind` in documents."""

    recalls: ClassVar[bool]
    """Whether `act` of an attempt that succeeded can be called again, not fresh, to get its outputs
    and its objects anew: after a restart, when the status holds only a part of them.
    """

    only_waits: ClassVar[bool] = False
    """Whether waiting is all that it does, so that a document cannot go on without its end. The
    nodes of v1.2 files are not waited for by themselves: an approval is no approval then.
    """

    spec: type[S]
    """What its spec must look like once it is rendered."""

    async def act(self, call: Call[S]) -> Result:
        """Begin the attempt (`call.fresh`), or see how it stands.

        Raises ObjectError (and ClusterError) where the API server refuses: the engine makes it a
        failure, or waits if it can pass by itself and then begins the attempt again. Raises CannotDo
        for what no other attempt can do better, NotNow for what is waited for in the same way.
        """
        ...

    async def plan(self, call: Call[S]) -> Planned:
        """Say what the node would change, without changing anything; raises as `act`."""
        ...

    async def stop(self, call: Call[S]) -> str | None:
        """End what the attempt started and what would go on by itself; called when the run is
        cancelled or the attempt's time is up, perhaps more than once.

        Returns what people should know of how far it was, as a part of a sentence; None or an empty
        text if there is nothing to tell. It is told with why the attempt ended.
        """
        ...
