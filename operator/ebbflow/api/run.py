"""Run: one execution of a document: what ran, why, with which commit, and how each node went."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ebbflow.api.base import (
    ANY_JSON,
    ATOMIC,
    GROUP,
    CommonStatus,
    Declaration,
    Flag,
    JsonObject,
    Model,
    PolicyRule,
    PrinterColumn,
    Resource,
    Whole,
)
from ebbflow.api.lists import Distinct
from ebbflow.api.template import ValueSource
from ebbflow.api.text import NO_TOKEN, Line, Name, Require, Rule

SourceKind = Literal["Template", "ReleaseFlow", "PreviewBlueprint", "Preview"]
RunPhase = Literal[
    "Pending", "Queued", "Running", "Waiting", "Succeeded", "Failed", "Cancelled", "Skipped"
]
NodePhase = Literal["Running", "Waiting", "Retrying", "Succeeded", "Failed", "Cancelled", "Skipped"]
TriggerType = Literal[
    "Manual", "Update", "Creation", "Push", "PullRequest", "PullRequestLabel", "Tag", "Schedule",
    "Webhook", "RunTemplate", "Preview", "Rollback", "Teardown",
]  # fmt: skip
ChangeAction = Literal["create", "update", "delete", "none"]

MAX_NODES = 1000
"""Nodes of one document."""

MAX_NODE_STATES = 2000
"""Entries of one status: those of the nodes, and of a loop's iterations that are under way."""

MAX_APPROVALS = 64
MAX_NODE_PATH = 256

RUN_FINALIZER = f"{GROUP}/run"
"""Keeps a Run that was accepted and has not finished, until its parent's status knows its end."""

TRIGGER_KEY = f"{GROUP}/trigger-key"
"""The annotation that holds the whole key of the trigger that a Run was made for."""

TRIGGER = f"{GROUP}/trigger"
"""The annotation that becomes `status.trigger` when the Run begins."""

CREATED_BY = f"{GROUP}/created-by"
"""The annotation with the record of who made the Run, which only the operator can sign."""

NODE_PATH = Require(
    r"(?:teardown\.)?[0-9]{1,5}(?:\[[0-9]{1,6}\])?(?:\.[0-9]{1,5}(?:\[[0-9]{1,6}\])?)*",
    "must be the path of a node: the numbers of the steps from the outside in, such as 0.2, or 0.2[3].1 in a loop",
)
NodePath = Annotated[str, Field(min_length=1, max_length=MAX_NODE_PATH), NODE_PATH, NO_TOKEN]

_TEXT = Require(
    r"[^\x00-\x08\x0b-\x1f\x7f]*", "must hold no control characters other than line breaks"
)


class RunSource(Model):
    """Whose document runs."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    kind: SourceKind = Field(description="The kind of the object, of this namespace.")
    name: Annotated[Name, NO_TOKEN] = Field(description="Its name.")


class ArgumentFrom(Model):
    """The value of one argument, read when the Run starts."""

    name: Annotated[Line, Field(max_length=253)] = Field(description="The argument's name.")
    value_from: ValueSource = Field(description="Where the value comes from.")


class Approval(Model):
    """What one person said about one Approval node."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self == oldSelf",
            "what was said about a node stays said: an approval or rejection cannot be changed",
        ),
    )

    node: NodePath = Field(description="The path of the Approval node, such as 0.2.")
    user: Annotated[Line, Field(max_length=256)] = Field(
        description="Who says so; must be the user that writes it."
    )
    decision: Literal["Approve", "Reject"] = Field(description="What is said.")
    message: Annotated[str, Field(max_length=1024), _TEXT, NO_TOKEN] | None = Field(
        default=None, description="Why it is said."
    )


_ONE_EARLIER = "give at most one of retryOf and rollbackTo"


def _unchanged(*fields: str) -> str:
    """Return the CEL that the fields are as they were, where absent is a value too.

    The whole first: it is asked at every write of a status too, and each field that CEL looks at
    costs the API server a copy of the schema of all of them.
    """
    each = " && ".join(
        f"has(self.{f}) == has(oldSelf.{f}) && (!has(self.{f}) || self.{f} == oldSelf.{f})"
        for f in fields
    )
    return f"self == oldSelf || ({each})"


class RunSpec(Model):
    """What is to run. It cannot be changed, but for `cancel` and `approvals`."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            _unchanged(
                *("source", "arguments", "argumentsFrom", "dryRun"),
                *("retryOf", "rollbackTo", "reason"),
            ),
            "a Run cannot be changed once it is made, but for cancel and approvals: make another Run",
        ),
        Rule(
            "!(has(oldSelf.cancel) && oldSelf.cancel) || (has(self.cancel) && self.cancel)",
            "a Run that was cancelled stays cancelled: make another Run, with retryOf to go on from where it was",
        ),
        Rule(
            "!has(oldSelf.approvals) || (has(self.approvals) && oldSelf.approvals.all(o,"
            " self.approvals.exists(n, n.node == o.node && n.user == o.user)))",
            "approvals can only be added: keep those that are there",
        ),
        Rule(
            "!(has(self.retryOf) && has(self.rollbackTo))",
            _ONE_EARLIER,
        ),
    )

    source: RunSource = Field(description="Whose document runs.")
    arguments: JsonObject = Field(
        default={},
        description="Values of arguments, over the source's argumentOverrides: any JSON values.",
        json_schema_extra=ANY_JSON | ATOMIC,
    )
    arguments_from: Annotated[tuple[ArgumentFrom, ...], Distinct(by="name")] = Field(
        default=(), max_length=64, description="Values of arguments from Secrets and ConfigMaps."
    )
    dry_run: Flag = Field(
        default=False, description="Change nothing; status.plan says what would change."
    )
    retry_of: Annotated[Name, NO_TOKEN] | None = Field(
        default=None,
        description="An earlier Run of the source, to go on from the node at which it failed.",
    )
    rollback_to: Annotated[Name, NO_TOKEN] | None = Field(
        default=None, description="An earlier Run of the source, whose release is restored."
    )
    reason: Annotated[str, Field(max_length=1024), _TEXT, NO_TOKEN] | None = Field(
        default=None, description="Why it is made, for people."
    )
    cancel: Flag = Field(default=False, description="Stop the Run; cannot be taken back.")
    approvals: Annotated[tuple[Approval, ...], Distinct(by=("node", "user"))] = Field(
        default=(),
        max_length=MAX_APPROVALS,
        description="What people said about Approval nodes; only added to.",
    )

    @model_validator(mode="after")
    def _one_earlier_run(self) -> Self:
        if self.retry_of is not None and self.rollback_to is not None:
            raise ValueError(_ONE_EARLIER)
        return self


MicroTime = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]


class RunTrigger(Model):
    """What started the Run."""

    type: TriggerType = Field(description="What kind of event.")
    commit: str | None = Field(default=None, max_length=128, description="The commit of the event.")
    ref: str | None = Field(default=None, max_length=1024, description="The Git ref of the event.")
    actor: str | None = Field(
        default=None,
        max_length=512,
        description="Who caused it: a user of the cluster, or for a commit its author as Git has it, "
        "`name <address>`. Absent where that is not known.",
    )
    delivery: str | None = Field(
        default=None, max_length=253, description="The delivery of the webhook."
    )


class RevisionReference(Model):
    """A ControllerRevision of the same namespace."""

    name: str = Field(max_length=253, description="Its name.")


class IterationCounts(Model):
    """How the iterations of a loop stand; those below `done` keep no states of their own."""

    total: Whole = Field(ge=0, description="How many there are.")
    done: Whole = Field(default=0, ge=0, description="How many of the first have all finished.")


class NodeStatus(Model):
    """How one node stands. A node that has not begun has no entry."""

    path: str = Field(max_length=MAX_NODE_PATH, description="Its path, such as 0.2 or 0.2[3].1.")
    ref: str | None = Field(default=None, max_length=253, description="Its ref in the document.")
    kind: str = Field(max_length=64, description="Its kind.")
    phase: NodePhase = Field(description="Where it stands.")
    attempt: Whole = Field(default=0, ge=0, description="The attempt, from 1; 0 before the first.")
    message: str | None = Field(
        default=None, max_length=1024, description="What happened, or what it waits for."
    )
    started_at: MicroTime | None = Field(default=None, description="When it first began.")
    attempt_at: MicroTime | None = Field(
        default=None, description="When the attempt began, where it is not the first."
    )
    finished_at: MicroTime | None = Field(
        default=None, description="When it finished, or when the last attempt failed."
    )
    iterations: IterationCounts | None = Field(
        default=None, description="Of a loop: how its iterations stand."
    )
    outputs: Any = Field(
        default=None,
        description="Those of its outputs that later expressions name, at most 4 KiB.",
        json_schema_extra=ANY_JSON,
    )


class FieldChange(Model):
    """One field that would change; the values as text, secrets left out."""

    path: str = Field(max_length=1024, description="The field's path in the object.")
    from_: str | None = Field(
        default=None, alias="from", max_length=256, description="Its value now."
    )
    to: str | None = Field(default=None, max_length=256, description="Its value afterwards.")


class PlannedChange(Model):
    """What a dry run would do to one object."""

    node: str = Field(max_length=MAX_NODE_PATH, description="The path of the node.")
    object: str = Field(
        max_length=700, description="The object: apiVersion, kind, namespace and name."
    )
    action: ChangeAction = Field(description="What would be done.")
    fields: tuple[FieldChange, ...] | None = Field(
        default=None, max_length=100, description="The fields that would change."
    )


class RunStatus(CommonStatus):
    """Where the Run stands."""

    # Written whole by one writer. Who owns which field of it would be a third of the object.
    model_config = ConfigDict(json_schema_extra=ATOMIC)

    phase: RunPhase | None = Field(default=None, description="Where it stands; absent: not seen.")
    position: Whole | None = Field(
        default=None, ge=1, description="Its place among those that wait, from 1."
    )
    reason: str | None = Field(
        default=None, max_length=128, description="One CamelCase word for why it stands there."
    )
    message: str | None = Field(default=None, max_length=4096, description="The same in words.")
    trigger: RunTrigger | None = Field(default=None, description="What started it.")
    commit: str | None = Field(
        default=None, max_length=128, description="The commit whose file is the document."
    )
    document_ref: RevisionReference | None = Field(
        default=None, description="The ControllerRevision that holds the document that runs."
    )
    fence: Whole | None = Field(
        default=None, ge=0, description="The leadership of the operator that last worked on it."
    )
    # Atomic: a list keyed by path would make managedFields larger than the list itself.
    nodes: tuple[NodeStatus, ...] | None = Field(
        default=None,
        max_length=MAX_NODE_STATES,
        description="The nodes that have begun, in order.",
    )
    started_at: MicroTime | None = Field(default=None, description="When it began to run.")
    finished_at: MicroTime | None = Field(default=None, description="When it ended.")
    duration: str | None = Field(default=None, max_length=32, description="How long it ran.")
    plan: tuple[PlannedChange, ...] | None = Field(
        default=None, max_length=1000, description="What a dry run would change."
    )
    plan_left_out: Whole | None = Field(
        default=None, ge=0, description="How many changes the plan leaves out."
    )


class Run(Resource):
    """One execution of a document."""

    spec: RunSpec
    status: RunStatus = RunStatus()

    declaration: ClassVar[Declaration] = Declaration(
        kind="Run",
        plural="runs",
        description="One execution of a document: what ran, why, with which commit, and how each node went.",
        columns=(
            PrinterColumn("Source", ".spec.source.name"),
            PrinterColumn("Phase", ".status.phase"),
            PrinterColumn("Revision", ".status.commit"),
            PrinterColumn("Started", ".status.startedAt", type="date"),
            PrinterColumn("Duration", ".status.duration"),
            PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
            PrinterColumn("Kind", ".spec.source.kind", priority=1),
            PrinterColumn("Reason", ".status.reason", priority=1),
            PrinterColumn("Status", ".status.message", priority=1),
        ),
        selectable_fields=(".spec.source.kind", ".spec.source.name", ".status.phase"),
        policy=(
            PolicyRule(
                GROUP,
                ("runs",),
                ("get", "list", "watch"),
                "to see which Runs are asked for, and where they stand",
            ),
            PolicyRule(
                GROUP,
                ("runs",),
                ("create",),
                "to start a Run when a document changes or a trigger fires",
            ),
            PolicyRule(
                GROUP,
                ("runs",),
                ("patch",),
                "to tie a Run to its source, to hold it until its end is recorded, and to cancel one that another replaces",
            ),
            PolicyRule(
                GROUP,
                ("runs",),
                ("cancel",),
                "to cancel a Run that another replaces: the admission policy asks for this verb",
            ),
            PolicyRule(
                GROUP,
                ("templates",),
                ("run",),
                "to start Runs of a Template: the admission policy asks for this verb",
            ),
            PolicyRule(
                GROUP,
                ("runs",),
                ("delete",),
                "to remove finished Runs beyond spec.history of their source",
            ),
            PolicyRule(
                GROUP, ("runs/status",), ("patch",), "to say where a Run and its nodes stand"
            ),
            PolicyRule(
                "apps",
                ("controllerrevisions",),
                ("get", "create", "patch"),
                "to keep the document of a Run as it was when the Run was accepted; the garbage collector removes it with the last Run that uses it",
            ),
            PolicyRule(
                "apps",
                ("controllerrevisions",),
                ("delete",),
                "to remove the list of what runs made when a newer list takes its place",
            ),
        ),
    )
