"""Template: a document kept the same in the cluster and in a file in Git."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ebbflow.api.base import (
    ANY_JSON,
    ATOMIC,
    GROUP,
    CommonStatus,
    Declaration,
    Duration,
    Flag,
    Interval,
    JsonObject,
    Model,
    PolicyRule,
    PrinterColumn,
    Resource,
    Whole,
)
from ebbflow.api.lists import Distinct
from ebbflow.api.place import BranchName, BranchPrefix, FilePath, RepositoryAddress
from ebbflow.api.text import NO_TOKEN, Line, Name, Namespace, Require, Rule

Direction = Literal["Both", "FromGit", "ToGit"]
OnConflict = Literal["Fail", "PreferGit", "PreferCluster", "PullRequest"]
ConcurrencyPolicy = Literal["Allow", "Queue", "Forbid", "Latest", "Replace"]

DEFAULT_COMMIT_MESSAGE = "Update {name}"

_COMMIT_MESSAGE = Require(
    r"[^\x00-\x09\x0b-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x09\x0b-\x1f\x7f]*",
    "must hold text, without control characters other than line breaks",
)
_KEY = Require(r"[-._a-zA-Z0-9]+", "must be a key: only letters, digits, dots, - and _")


class AccountReference(Model):
    """A GitAccount, of this namespace or of one that allows it."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    name: Name = Field(description="The GitAccount's name.")
    namespace: Namespace | None = Field(
        default=None, description="The GitAccount's namespace; absent: the object's own."
    )


class GitPlace(Model):
    """Which file of which repository holds the document."""

    account_ref: AccountReference | None = Field(
        default=None, description="The account to use; absent for public repositories."
    )
    repository: RepositoryAddress = Field(
        description="The repository's address, such as https://github.com/acme/infra."
    )
    branch: BranchName = Field(description="The branch, without refs/heads/.")
    path: FilePath = Field(
        description="The file, relative to the root; .json, .yaml or .yml, any other ending or none is JSON.",
    )


class PullRequests(Model):
    """Write edits to a branch of their own and open a pull request."""

    always: Flag = Field(default=False, description="For every edit, not only for conflicts.")
    branch_prefix: BranchPrefix = Field(
        default="ebbflow/", description="How the branches' names begin."
    )


class SyncOptions(Model):
    """How the two sides are kept the same."""

    direction: Direction = Field(
        default="Both",
        description="Both ways; FromGit reverts edits in the cluster; ToGit overwrites changes in Git.",
    )
    on_conflict: OnConflict = Field(
        default="Fail", description="What to do when both sides changed the same field."
    )
    pull_requests: PullRequests = Field(
        default=PullRequests(), description="Propose edits instead of pushing them."
    )
    commit_message: Annotated[str, Field(max_length=1024), _COMMIT_MESSAGE, NO_TOKEN] = Field(
        default=DEFAULT_COMMIT_MESSAGE,
        description="The subject of commits; {name}, {namespace} and {kind} are replaced.",
    )


class KeyReference(Model):
    """One key of a Secret or ConfigMap of the same namespace."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    name: Name = Field(description="The object's name.")
    key: Annotated[str, Field(max_length=253), _KEY, NO_TOKEN] = Field(description="The key in it.")


class ValueSource(Model):
    """Where a value comes from."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    secret_key_ref: KeyReference | None = Field(default=None, description="A key of a Secret.")
    config_map_key_ref: KeyReference | None = Field(
        default=None, description="A key of a ConfigMap."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.secretKeyRef) != has(self.configMapKeyRef)",
            "give exactly one of secretKeyRef and configMapKeyRef",
        ),
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.secret_key_ref is None) == (self.config_map_key_ref is None):
            raise ValueError(self.rules[0].message)
        return self


_ONE_VALUE = "absent: give exactly one of value and valueFrom"


class ArgumentOverride(Model):
    """The value of one argument, never written to Git."""

    # CEL cannot see `value`, which has no type. So anyOf says that one of the two is there, and
    # an enumeration that nothing can meet carries the sentence for those who give both.
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["value"], "properties": {"valueFrom": {"enum": [_ONE_VALUE]}}},
                {"required": ["valueFrom"], "not": {"required": ["value"]}},
            ]
        }
    )
    keeps_null: ClassVar[frozenset[str]] = frozenset({"value"})

    name: Annotated[Line, Field(max_length=253)] = Field(description="The argument's name.")
    value: Any = Field(
        default=None,
        description="The value: any JSON value. Secrets belong into valueFrom.",
        json_schema_extra=ANY_JSON | {"nullable": True},
    )
    value_from: ValueSource | None = Field(default=None, description="Where the value comes from.")

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if ("value" in self.model_fields_set) == (self.value_from is not None):
            raise ValueError(_ONE_VALUE)
        return self


class HistoryLimits(Model):
    """How many finished Runs are kept."""

    succeeded: Whole = Field(default=20, ge=0, le=1000, description="Runs that succeeded.")
    failed: Whole = Field(
        default=20, ge=0, le=1000, description="Runs that failed, were skipped or cancelled."
    )


class TemplateSpec(Model):
    """What is kept the same, and how it runs."""

    git: GitPlace | None = Field(default=None, description="The file; absent: not synced.")
    interval: Interval | None = Field(
        default=None, description="How often to look; absent: the operator's --poll-interval."
    )
    sync: SyncOptions = Field(
        default=SyncOptions(), description="How the two sides are kept the same."
    )
    document: JsonObject | None = Field(
        default=None,
        description="The document: the same content as the file, at most 512 KiB.",
        json_schema_extra=ANY_JSON | ATOMIC,
    )
    argument_overrides: Annotated[tuple[ArgumentOverride, ...], Distinct(by="name")] = Field(
        default=(),
        max_length=256,
        description="Values of arguments for this object alone; never written to Git.",
    )
    run_on_update: Flag | None = Field(
        default=None,
        description="Run when the document changes; absent: the document's options.autorun.",
    )
    concurrency_policy: ConcurrencyPolicy | None = Field(
        default=None,
        description="What happens to a run while another runs; absent: the document's option.",
    )
    queue_limit: Whole = Field(
        default=20, ge=1, le=1000, description="How many runs may wait; past it: Skipped."
    )
    prune: Flag = Field(
        default=False,
        description="Remove what an earlier run made and the document no longer names.",
    )
    deletion_policy: Literal["Orphan", "Delete"] = Field(
        default="Orphan", description="What happens to what runs made when the object is deleted."
    )
    service_account_name: Name | None = Field(
        default=None, description="The ServiceAccount that runs act as."
    )
    timeout: Duration | None = Field(default=None, description="How long a run may take.")
    history: HistoryLimits = Field(
        default=HistoryLimits(), description="How many finished Runs are kept."
    )
    suspend: Flag = Field(default=False, description="Stop reconciling the object.")


Hash = Annotated[str, Field(max_length=128)]


class PendingWrite(Model):
    """A commit that was made and is being pushed: enough to find or make the very same one again."""

    commit: Hash = Field(description="The commit's SHA.")
    parent: Hash = Field(description="The head that it was made on.")
    tree: Hash = Field(description="Its tree.")
    blob: Hash = Field(description="The file's blob in it.")
    base_blob: Hash | None = Field(
        default=None, description="The file's blob that the edit was made against."
    )
    document_hash: Hash = Field(description="The hash of the document that it writes.")
    author: str = Field(max_length=1024, description="The author's name and address.")
    time: Whole = Field(description="The commit's time, in seconds since 1970.")
    message: str = Field(max_length=8192, description="The whole commit message.")
    uses: dict[str, Hash] | None = Field(
        default=None,
        max_length=8,
        description="Annotations that the commit uses up, each with the hash of its value.",
    )


class FieldConflict(Model):
    """One field that both sides changed; the values as text, at most 256 characters each."""

    path: str = Field(max_length=1024, description="The field's path in the document.")
    base: str | None = Field(default=None, max_length=256, description="The last synced value.")
    cluster: str | None = Field(default=None, max_length=256, description="The object's value.")
    git: str | None = Field(default=None, max_length=256, description="The file's value.")


class SyncStatus(Model):
    """Where the two sides were last the same."""

    repository: str | None = Field(default=None, max_length=2048, description="The repository.")
    branch: str | None = Field(default=None, max_length=255, description="The branch.")
    path: str | None = Field(default=None, max_length=1024, description="The file.")
    commit: Hash | None = Field(
        default=None, description="The commit whose file the object holds: 40 hexadecimal digits."
    )
    blob: Hash | None = Field(default=None, description="The file's blob in that commit.")
    document_hash: Hash | None = Field(
        default=None, description="The hash of the document, normalised as JSON."
    )
    last_editor: str | None = Field(
        default=None, max_length=512, description="Who made the last edit that was committed."
    )
    pending_write: PendingWrite | None = Field(
        default=None, description="A commit whose push has not been seen to arrive."
    )
    conflicts: tuple[FieldConflict, ...] | None = Field(
        default=None, max_length=100, description="Fields that both sides changed."
    )
    pull_request: str | None = Field(
        default=None, max_length=2048, description="The pull request that proposes the edit."
    )


class EffectiveOptions(Model):
    """What holds after the document's options were taken into account."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    concurrency_policy: ConcurrencyPolicy | None = Field(
        default=None, description="The concurrency policy."
    )
    run_on_update: Flag | None = Field(default=None, description="Whether updates start runs.")


class UpdateMark(Model):
    """The content that updates are counted from."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    document_hash: Hash = Field(description="The hash of the document that was last considered.")
    count: Whole = Field(
        default=0, ge=0, description="How many updates there were: tells equal ones apart."
    )


class Hold(Model):
    """Why automatic triggers are held back."""

    since: str = Field(max_length=64, description="Since when.")
    by: str = Field(max_length=512, description="By whom.")
    run: str = Field(max_length=253, description="The Run that set it.")


class LastRun(Model):
    """The newest Run."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    name: str = Field(max_length=253, description="Its name.")
    phase: str = Field(max_length=64, description="Its phase.")
    finished_at: str | None = Field(default=None, max_length=64, description="When it ended.")


class Inventory(Model):
    """What runs made."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    count: Whole = Field(ge=0, description="How many objects.")
    ref: str | None = Field(default=None, max_length=253, description="Where they are listed.")


MAX_RECENT = 100
"""Names of finished Runs that a parent remembers."""

_RunNames = tuple[Annotated[str, Field(max_length=253)], ...]


class TemplateStatus(CommonStatus):
    """Where the Template stands."""

    sync: SyncStatus | None = Field(default=None, description="The state of the sync with Git.")
    effective: EffectiveOptions | None = Field(default=None, description="The options that hold.")
    updated: UpdateMark | None = Field(
        default=None, description="Where runOnUpdate stands: what follows it starts a Run."
    )
    active: _RunNames | None = Field(
        default=None, max_length=1000, description="Names of the Runs that may run now."
    )
    queue: _RunNames | None = Field(
        default=None, max_length=1000, description="Names of the Runs that wait, in order."
    )
    recent: _RunNames | None = Field(
        default=None,
        max_length=MAX_RECENT,
        description="Names of the newest Runs that are done with, so that no trigger starts one again.",
    )
    fence: Whole | None = Field(
        default=None, ge=0, description="The leadership of the operator that last wrote the queue."
    )
    hold: Hold | None = Field(default=None, description="Automatic triggers are held back.")
    last_run: LastRun | None = Field(default=None, description="The newest Run.")
    inventory: Inventory | None = Field(default=None, description="What runs made.")


class Template(Resource):
    """A document kept the same in the cluster and in a file in Git."""

    spec: TemplateSpec = TemplateSpec()
    status: TemplateStatus = TemplateStatus()

    declaration: ClassVar[Declaration] = Declaration(
        kind="Template",
        plural="templates",
        description="A document kept the same in the cluster and in a file in Git; running it makes resources.",
        short_names=("tpl",),
        columns=(
            PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            PrinterColumn("Status", '.status.conditions[?(@.type=="Ready")].message'),
            PrinterColumn("Revision", ".status.sync.commit", priority=1),
            PrinterColumn("Repository", ".spec.git.repository", priority=1),
            PrinterColumn("Path", ".spec.git.path", priority=1),
            PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
        ),
        selectable_fields=(".spec.git.repository", ".spec.git.branch", ".spec.git.path"),
        policy=(
            PolicyRule(
                GROUP,
                ("templates",),
                ("get", "list", "watch", "patch"),
                "to see edits, and to put what Git holds into spec.document",
            ),
            PolicyRule(GROUP, ("templates/status",), ("patch",), "to say where the sync stands"),
        ),
    )
