"""GitTrigger: when pushes, pull requests, tags, times and webhooks start a run, and of what."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

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
from ebbflow.api.place import RefGlob, RepositoryAddress
from ebbflow.api.run import ArgumentFrom, MicroTime
from ebbflow.api.template import AccountReference, KeyReference
from ebbflow.api.text import NO_TOKEN, Line, Name, Require, Rule

TriggerKind = Literal["Push", "PullRequest", "PullRequestLabel", "Tag", "Schedule", "Webhook"]
TargetKind = Literal[
    "Template", "ReleaseFlow", "PreviewBlueprint", "DirectorySync", "DirectoryPush"
]
DeliverySource = Literal["Poll", "Webhook", "Schedule"]
Verdict = Literal["Fired", "Ignored", "Failed"]

APPROVE_FORK = f"{GROUP}/approve-fork"
"""The annotation with the commits of forks that may run: their SHAs, with commas between them."""

DEFAULT_REF = "trigger"
DEFAULT_FLAGS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip ebbflow]", "[ebbflow skip]")

MAX_DELIVERIES = 20
"""Verdicts that a status keeps."""

MAX_MESSAGE = 1024
"""Characters of a verdict's message."""

MAX_TARGETS = 16
"""Targets of one trigger: the admission policy has a check for each of them."""

MAX_REF = 1024
"""Characters of the whole name of a ref that a trigger can follow."""

MAX_HEADS = 2000
"""Refs that one trigger can follow: as many as its status can hold."""

_REF = Require(
    # \x24 is the dollar sign, which stands for the end of the text even among characters.
    r"[A-Za-z0-9_\x24][A-Za-z0-9_\x24-]*",
    "must be a name as ${refs.NAME.branch} takes it: letters, digits, _, $ and -, not beginning with -",
)
_CRON = Require(
    r" *[0-9A-Za-z*/,#-]+(?: +[0-9A-Za-z*/,#-]+){4} *",
    "must be a cron schedule of five fields: minute, hour, day of month, month, day of week, such as 0 3 * * *",
)
_TIME_ZONE = Require(
    r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*",
    "must be the name of a time zone, such as Europe/Berlin or UTC",
)


class TriggerRepository(Model):
    """Which repository is looked at, and as whom."""

    account_ref: AccountReference | None = Field(
        default=None, description="The account to use; absent for public repositories."
    )
    repository: RepositoryAddress = Field(
        description="The repository's address, such as https://github.com/acme/shop."
    )


class PathRules(Model):
    """Which changed files count, in the syntax of .gitignore."""

    mode: Literal["Ignore", "Allow"] = Field(
        default="Ignore",
        description="Ignore fires unless every changed file matches; Allow fires if a changed file matches.",
    )
    patterns: tuple[Annotated[Line, Field(max_length=260)], ...] = Field(
        min_length=1,
        max_length=100,
        description="Patterns as in .gitignore: a later one wins, ! takes back, a / at the end means a directory.",
    )


class IgnoreFlags(Model):
    """Words in a commit message that keep it from starting anything."""

    enabled: Flag = Field(default=False, description="Whether the flags count.")
    flags: Annotated[tuple[Annotated[Line, Field(max_length=72)], ...], Distinct()] = Field(
        default=DEFAULT_FLAGS,
        max_length=32,
        description=f"Texts looked for anywhere in the message of any commit of a push, and of the head commit of a pull request. Absent: {', '.join(DEFAULT_FLAGS)}.",
    )


class Forks(Model):
    """Whether pull requests from other repositories count."""

    allow: Flag = Field(
        default=False,
        description=f"Whether they fire as others do. If not, a commit of a fork fires once the annotation {APPROVE_FORK} names its SHA, for which one needs the verb approve on gittriggers.",
    )


class SecretSource(Model):
    """A key of a Secret of the same namespace."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    secret_key_ref: KeyReference = Field(description="Which Secret, and which key in it.")


class TriggerTarget(Model):
    """What is started."""

    kind: TargetKind = Field(description="The kind of the object, of this namespace.")
    name: Annotated[Name, NO_TOKEN] = Field(description="Its name.")


def _only_with(type_: TriggerKind, field: str, words: str) -> Rule:
    return Rule(f"has(self.{field}) == (self.type == '{type_}')", words)


_GIT_NEEDED = Rule(
    "has(self.git) || self.type in ['Schedule', 'Webhook']",
    "git is required for this type: name the repository in git.repository",
)
_SCHEDULE_GIVEN = _only_with(
    "Schedule", "schedule", "give schedule with type Schedule, and only then"
)
_ZONE_WITH_SCHEDULE = Rule(
    "!(has(self.timeZone) || has(self.jitter)) || self.type == 'Schedule'",
    "timeZone and jitter are for type Schedule only",
)
_KEY_GIVEN = _only_with("Webhook", "keyFrom", "give keyFrom with type Webhook, and only then")


class GitTriggerSpec(Model):
    """When something starts, and what."""

    type: TriggerKind = Field(description="What kind of event it waits for.")
    git: TriggerRepository | None = Field(
        default=None, description="The repository; not needed for types Schedule and Webhook."
    )
    ref: Annotated[str, Field(min_length=1, max_length=63), _REF, NO_TOKEN] = Field(
        default=DEFAULT_REF,
        description="The name of its values in the run, as in ${refs.backend.branch}; several triggers of one target may share it.",
    )
    branches: Annotated[tuple[RefGlob, ...], Distinct()] = Field(
        default=(),
        max_length=64,
        description="Names of branches; * stands for any characters, / too. Push: the branch pushed to; pull requests: the head branch. None: nothing fires, but for PullRequestLabel any branch.",
    )
    base_branches: Annotated[tuple[RefGlob, ...], Distinct()] = Field(
        default=(),
        max_length=64,
        description="Pull requests: names of base branches, as in branches. None: any.",
    )
    tags: Annotated[tuple[RefGlob, ...], Distinct()] = Field(
        default=(),
        max_length=64,
        description="Tag: names of tags, as in branches. None: any.",
    )
    labels: Annotated[tuple[Annotated[Line, Field(max_length=255)], ...], Distinct()] = Field(
        default=(),
        max_length=64,
        description="PullRequestLabel: labels of which the pull request must have one; * as in branches. None: nothing fires.",
    )
    ignore_drafts: Flag = Field(
        default=False, description="Pull requests: whether a draft waits until it is ready."
    )
    forks: Forks = Field(
        default=Forks(), description="Pull requests: what those from other repositories may do."
    )
    paths: PathRules | None = Field(
        default=None, description="Which changed files count; absent: all."
    )
    ignore_flags: IgnoreFlags = Field(
        default=IgnoreFlags(), description="Words in commit messages that start nothing."
    )
    schedule: Annotated[str, Field(min_length=1, max_length=128), _CRON, NO_TOKEN] | None = Field(
        default=None, description="Schedule: when, as five cron fields."
    )
    time_zone: Annotated[str, Field(min_length=1, max_length=64), _TIME_ZONE, NO_TOKEN] | None = (
        Field(default=None, description="Schedule: the time zone of schedule; absent: UTC.")
    )
    jitter: Duration | None = Field(
        default=None,
        description="Schedule: start up to this much later, by a share that stays the same for this trigger; absent: none.",
    )
    key_from: SecretSource | None = Field(
        default=None, description="Webhook: the key that a caller must know."
    )
    targets: Annotated[tuple[TriggerTarget, ...], Distinct(by=("kind", "name"))] = Field(
        min_length=1,
        max_length=MAX_TARGETS,
        description="What is started, each by a run of its own. To name one takes the verb run on it.",
    )
    arguments: JsonObject = Field(
        default={},
        description="Values of arguments, over the target's argumentOverrides: any JSON values.",
        json_schema_extra=ANY_JSON | ATOMIC,
    )
    arguments_from: Annotated[tuple[ArgumentFrom, ...], Distinct(by="name")] = Field(
        default=(), max_length=64, description="Values of arguments from Secrets and ConfigMaps."
    )
    paused: Flag = Field(
        default=False,
        description="Start nothing; what happens meanwhile is recorded, and starts nothing later.",
    )
    paused_reason: Annotated[Line, Field(max_length=256)] | None = Field(
        default=None, description="Why it is paused, for people."
    )
    interval: Interval | None = Field(
        default=None, description="How often to look; absent: the operator's --poll-interval."
    )
    suspend: Flag = Field(default=False, description="Stop reconciling the object.")

    rules: ClassVar[tuple[Rule, ...]] = (
        _GIT_NEEDED,
        _SCHEDULE_GIVEN,
        _ZONE_WITH_SCHEDULE,
        _KEY_GIVEN,
    )

    @model_validator(mode="after")
    def _fields_fit_the_type(self) -> Self:
        broken = (
            (self.git is None and self.type not in ("Schedule", "Webhook"), _GIT_NEEDED),
            ((self.schedule is not None) != (self.type == "Schedule"), _SCHEDULE_GIVEN),
            (
                (self.time_zone or self.jitter) is not None and self.type != "Schedule",
                _ZONE_WITH_SCHEDULE,
            ),
            ((self.key_from is not None) != (self.type == "Webhook"), _KEY_GIVEN),
        )
        for is_broken, rule in broken:
            if is_broken:
                raise ValueError(rule.message)
        return self


Sha = Annotated[str, Field(max_length=64)]
RefName = Annotated[str, Field(max_length=MAX_REF)]


class TriggerHead(Model):
    """Where a ref, or a pull request's head, was last seen."""

    ref: RefName = Field(description="The ref, such as refs/heads/main; pull/12 for one of those.")
    commit: Sha = Field(description="The commit that it was at; of a tag, what it points to.")
    moves: Whole = Field(
        default=0, ge=0, description="How often it moved: so that a move back is a new one."
    )
    held: Flag = Field(
        default=False,
        description="Whether the commit waits: a draft to be ready, a fork to be approved, a label.",
    )


class Delivery(Model):
    """One verdict: what happened, what came of it, and why."""

    id: str = Field(max_length=253, description="The webhook's delivery, or the move's own name.")
    at: MicroTime = Field(description="When it was decided.")
    source: DeliverySource = Field(description="How it became known.")
    ref: RefName | None = Field(default=None, description="The ref that moved.")
    before: Sha | None = Field(default=None, description="The commit before; absent: a new ref.")
    after: Sha | None = Field(default=None, description="The commit after; absent: it was deleted.")
    verdict: Verdict = Field(description="What came of it.")
    reason: str = Field(max_length=128, description="One CamelCase word for why.")
    message: str | None = Field(
        default=None, max_length=MAX_MESSAGE, description="The same in words."
    )
    runs: tuple[Annotated[str, Field(max_length=253)], ...] | None = Field(
        default=None, max_length=MAX_TARGETS, description="Names of the Runs that it started."
    )


class GitTriggerStatus(CommonStatus):
    """What the trigger has seen, and what it came to."""

    # Atomic: a list keyed by ref would make managedFields larger than the list itself.
    heads: tuple[TriggerHead, ...] | None = Field(
        default=None,
        max_length=MAX_HEADS,
        description="The refs that match, where they were last seen; absent: not looked yet.",
    )
    scope: str | None = Field(
        default=None,
        max_length=64,
        description="A hash of which repository and refs the heads are of: after an edit of these, what is found is a starting point anew.",
    )
    forgotten: Whole | None = Field(
        default=None,
        ge=0,
        description="The most moves that a ref had which is gone: a ref made anew counts on from there.",
    )
    deliveries: tuple[Delivery, ...] | None = Field(
        default=None, max_length=MAX_DELIVERIES, description="The newest verdicts, newest first."
    )
    last_scheduled_at: MicroTime | None = Field(
        default=None, description="Schedule: the last time that was considered."
    )
    next_run_at: MicroTime | None = Field(default=None, description="Schedule: the next time.")


class GitTrigger(Resource):
    """When pushes and pull requests start a run, and of what."""

    spec: GitTriggerSpec
    status: GitTriggerStatus = GitTriggerStatus()

    declaration: ClassVar[Declaration] = Declaration(
        kind="GitTrigger",
        plural="gittriggers",
        description="When pushes, pull requests, tags, times and webhooks start a run, and of what.",
        short_names=("gt",),
        columns=(
            PrinterColumn("Type", ".spec.type"),
            PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            PrinterColumn("Last", ".status.deliveries[0].verdict"),
            PrinterColumn("Reason", ".status.deliveries[0].reason"),
            PrinterColumn("Paused", ".spec.paused", type="boolean"),
            PrinterColumn("Status", '.status.conditions[?(@.type=="Ready")].message', priority=1),
            PrinterColumn("Repository", ".spec.git.repository", priority=1),
            PrinterColumn("Next", ".status.nextRunAt", priority=1),
            PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
        ),
        selectable_fields=(".spec.type", ".spec.git.repository"),
        policy=(
            PolicyRule(
                GROUP,
                ("gittriggers",),
                ("get", "list", "watch"),
                "to know what starts runs",
            ),
            PolicyRule(
                GROUP,
                ("gittriggers",),
                ("create", "patch"),
                "to make and change the triggers that a document asks for",
            ),
            PolicyRule(
                GROUP,
                ("gittriggers",),
                ("delete",),
                "to remove a trigger that a document asks for no longer",
            ),
            PolicyRule(
                GROUP,
                ("gittriggers/status",),
                ("patch",),
                "to say what was seen, and what came of it",
            ),
        ),
    )
