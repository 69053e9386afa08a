"""Template: a document kept the same in the cluster and in a file in Git."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ebbflow.api.base import (
    GROUP,
    CommonStatus,
    Declaration,
    Duration,
    Interval,
    JsonObject,
    Model,
    Name,
    Namespace,
    PolicyRule,
    PrinterColumn,
    Resource,
    Rule,
)
from ebbflow.api.gitaccount import CREDENTIALS_IN_URL

Direction = Literal["Both", "FromGit", "ToGit"]
OnConflict = Literal["Fail", "PreferGit", "PreferCluster", "PullRequest"]
ConcurrencyPolicy = Literal["Allow", "Queue", "Forbid", "Latest", "Replace"]

DEFAULT_COMMIT_MESSAGE = "Update {name}"

_LIST_BY_NAME: JsonObject = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}


class AccountReference(Model):
    """A GitAccount, of this namespace or of one that allows it."""

    name: Name = Field(description="The GitAccount's name.")
    namespace: Namespace | None = Field(
        default=None, description="The GitAccount's namespace; absent: the object's own."
    )


class GitPlace(Model):
    """Which file of which repository holds the document."""

    account_ref: AccountReference | None = Field(
        default=None, description="The account to use; absent for public repositories."
    )
    repository: str = Field(
        max_length=2048,
        pattern=r"^(https?|ssh)://[^/\s]+/\S+$",
        description="The repository's address, such as https://github.com/acme/infra.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": CREDENTIALS_IN_URL.rule, "message": CREDENTIALS_IN_URL.message}
            ]
        },
    )
    branch: str = Field(
        min_length=1,
        max_length=255,
        pattern=r"^[^\s~^:?*\[\\\x00-\x1f-][^\s~^:?*\[\\\x00-\x1f]*$",
        description="The branch, without refs/heads/.",
    )
    path: str = Field(
        min_length=1,
        max_length=1024,
        description="The file, relative to the root; .json, .yaml or .yml, any other ending or none is JSON.",
    )


class PullRequests(Model):
    """Write edits to a branch of their own and open a pull request."""

    always: bool = Field(default=False, description="For every edit, not only for conflicts.")
    branch_prefix: str = Field(
        default="ebbflow/", max_length=128, description="How the branches' names begin."
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
    commit_message: str = Field(
        default=DEFAULT_COMMIT_MESSAGE,
        min_length=1,
        max_length=1024,
        description="The subject of commits; {name}, {namespace} and {kind} are replaced.",
    )


class KeyReference(Model):
    """One key of a Secret or ConfigMap of the same namespace."""

    name: Name = Field(description="The object's name.")
    key: str = Field(
        min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$", description="The key in it."
    )


class ValueSource(Model):
    """Where a value comes from."""

    secret_key_ref: KeyReference | None = Field(default=None, description="A key of a Secret.")
    config_map_key_ref: KeyReference | None = Field(
        default=None, description="A key of a ConfigMap."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.secretKeyRef) != has(self.configMapKeyRef)",
            message="give exactly one of secretKeyRef and configMapKeyRef",
        ),
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.secret_key_ref is None) == (self.config_map_key_ref is None):
            raise ValueError(self.rules[0].message)
        return self


class ArgumentOverride(Model):
    """The value of one argument, never written to Git."""

    name: str = Field(min_length=1, max_length=253, description="The argument's name.")
    value: Any | None = Field(default=None, description="The value: any JSON value.")
    value_from: ValueSource | None = Field(default=None, description="Where the value comes from.")

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if ("value" in self.model_fields_set) == (self.value_from is not None):
            raise ValueError("give exactly one of value and valueFrom")
        return self


class HistoryLimits(Model):
    """How many finished Runs are kept."""

    succeeded: int = Field(default=20, ge=0, le=1000, description="Runs that succeeded.")
    failed: int = Field(
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
        json_schema_extra={
            "x-kubernetes-preserve-unknown-fields": True,
            "x-kubernetes-map-type": "atomic",
        },
    )
    argument_overrides: tuple[ArgumentOverride, ...] = Field(
        default=(),
        max_length=256,
        description="Values of arguments for this object alone; never written to Git.",
        json_schema_extra=_LIST_BY_NAME,
    )
    run_on_update: bool | None = Field(
        default=None,
        description="Run when the document changes; absent: the document's options.autorun.",
    )
    concurrency_policy: ConcurrencyPolicy | None = Field(
        default=None,
        description="What happens to a run while another runs; absent: the document's option.",
    )
    queue_limit: int = Field(
        default=20, ge=1, le=1000, description="How many runs may wait; past it: Skipped."
    )
    prune: bool = Field(
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
    suspend: bool = Field(default=False, description="Stop reconciling the object.")


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
    time: int = Field(description="The commit's time, in seconds since 1970.")
    message: str = Field(max_length=8192, description="The whole commit message.")


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

    concurrency_policy: ConcurrencyPolicy | None = Field(
        default=None, description="The concurrency policy."
    )
    run_on_update: bool | None = Field(default=None, description="Whether updates start runs.")


class Hold(Model):
    """Why automatic triggers are held back."""

    since: str = Field(max_length=64, description="Since when.")
    by: str = Field(max_length=512, description="By whom.")
    run: str = Field(max_length=253, description="The Run that set it.")


class LastRun(Model):
    """The newest Run."""

    name: str = Field(max_length=253, description="Its name.")
    phase: str = Field(max_length=64, description="Its phase.")
    finished_at: str | None = Field(default=None, max_length=64, description="When it ended.")


class Inventory(Model):
    """What runs made."""

    count: int = Field(description="How many objects.")
    ref: str | None = Field(default=None, max_length=253, description="Where they are listed.")


_RunNames = tuple[Annotated[str, Field(max_length=253)], ...]


class TemplateStatus(CommonStatus):
    """Where the Template stands."""

    sync: SyncStatus | None = Field(default=None, description="The state of the sync with Git.")
    effective: EffectiveOptions | None = Field(default=None, description="The options that hold.")
    active: _RunNames | None = Field(
        default=None, max_length=1000, description="Names of the Runs that may run now."
    )
    queue: _RunNames | None = Field(
        default=None, max_length=1000, description="Names of the Runs that wait, in order."
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
