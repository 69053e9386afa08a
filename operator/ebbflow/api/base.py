"""What every kind shares: the model base, object metadata, references, conditions, durations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from typing_extensions import override

GROUP = "ebbflow.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

JsonObject = dict[str, Any]


class Model(BaseModel):
    """Frozen, camelCase on the wire, tolerant of unknown keys (a newer CRD may have more)."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore"
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    def dump(self) -> JsonObject:
        """Return the wire form: camelCase, JSON types, absent where None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule (`x-kubernetes-validations`) on the schema of the model that declares it."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """One column of `kubectl get`; priority 1 shows with `-o wide` only."""

    name: str
    json_path: str
    type: Literal["string", "integer", "boolean", "date"] = "string"
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One row of the operator's RBAC table: which verbs on what, and why."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()
    scope: Literal["Cluster", "OwnNamespace"] = "Cluster"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a CRD says of a kind beside its schema."""

    kind: str
    plural: str
    description: str
    short_names: tuple[str, ...] = ()
    columns: tuple[PrinterColumn, ...] = ()
    selectable_fields: tuple[str, ...] = ()
    policy: tuple[PolicyRule, ...] = field(default=())

    @property
    def singular(self) -> str:
        """The kind in lower case, as kubectl takes it."""
        return self.kind.lower()


class Key(NamedTuple):
    """Which object: the key of the work queue. `kind` is the plain kind name, such as Template."""

    kind: str
    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class Metadata(Model):
    """The part of ObjectMeta that the operator reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class Condition(Model):
    """One condition after the Kubernetes API conventions and kstatus."""

    type: str = Field(
        description="What the condition is about: Ready, Reconciling or Stalled.",
        max_length=316,
        pattern=r"^[A-Za-z0-9][-A-Za-z0-9_./]*$",
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the condition holds.")
    observed_generation: int = Field(
        default=0, ge=0, description="The generation of the object that the condition speaks of."
    )
    last_transition_time: str = Field(
        description="When the status last changed.",
        json_schema_extra={"format": "date-time"},
        max_length=64,
    )
    reason: str = Field(
        description="One CamelCase word; docs/reference/reasons.md lists them all.",
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    )
    message: str = Field(description="A sentence that says what to do.", max_length=32768)


class CommonStatus(Model):
    """The status fields that every kind has."""

    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Ready, and Reconciling and Stalled while they are true (kstatus).",
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    observed_generation: int = Field(
        default=0, ge=0, description="The generation that the operator has dealt with."
    )
    last_handled_requested_at: str | None = Field(
        default=None,
        description="The last value of the annotation ebbflow.dev/requested-at that was dealt with.",
        max_length=1024,
    )


class Resource(Model):
    """A live custom resource. Subclasses give `spec`, `status` and their `declaration`."""

    declaration: ClassVar[Declaration]

    metadata: Metadata
    status: CommonStatus = CommonStatus()

    @property
    def key(self) -> Key:
        """The key of the object in the work queue."""
        return Key(self.declaration.kind, self.metadata.namespace, self.metadata.name)

    @classmethod
    def parse(cls, raw: JsonObject) -> Self:
        """Read a live object; unknown keys are ignored, and null stands for absent."""
        return cls.model_validate(raw)


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"
DURATION_MAX_LENGTH = 32


def parse_duration(text: object) -> timedelta:
    """Read a Go duration such as `500ms`, `1m30s` or `1h`; raises ValueError for anything else.

    The grammar is that of Go's time.ParseDuration without signs.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError("is not a duration: write it like 500ms, 30s, 5m or 1h30m")
    if len(text) > DURATION_MAX_LENGTH:
        raise ValueError(f"is longer than {DURATION_MAX_LENGTH} characters")
    return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in _DURATION.findall(text)))


def format_duration(value: timedelta) -> str:
    """Write a duration as Go does for whole units: 1h, 5m, 30s, 500ms."""
    milliseconds = round(value.total_seconds() * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def _at_least_a_second(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("must be at least 1s")
    return value


_DURATION_SCHEMA: JsonObject = {
    "type": "string",
    "pattern": DURATION_PATTERN,
    "maxLength": DURATION_MAX_LENGTH,
}

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA),
]

Interval = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    AfterValidator(_at_least_a_second),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        _DURATION_SCHEMA
        | {
            "x-kubernetes-validations": [
                {
                    "rule": "duration(self) >= duration('1s')",
                    "message": "must be at least 1s",
                }
            ]
        }
    ),
]

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

Name = Annotated[str, Field(min_length=1, max_length=253, pattern=NAME_PATTERN)]
Namespace = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
