"""What every kind shares: the model base, object metadata, references, conditions, durations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema
from typing_extensions import override

from ebbflow.api.lists import Distinct
from ebbflow.api.text import VALIDATIONS, Require, Rule

GROUP = "ebbflow.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

JsonObject = dict[str, Any]

Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]

# Server-side apply replaces a struct with this mark as one value.
ATOMIC: JsonObject = {"x-kubernetes-map-type": "atomic"}
# The API server keeps whatever is in a field with this mark: nothing is known of its schema.
ANY_JSON: JsonObject = {"x-kubernetes-preserve-unknown-fields": True}


class Model(BaseModel):
    """Frozen, camelCase on the wire, tolerant of unknown keys (a newer CRD may have more).

    `rules` are checked by the API server in CEL and by the model in a validator of its own.
    `keeps_null` names the wire fields for which null is a value; anywhere else null is absent,
    as it is for the API server.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        # An error's text goes into conditions and logs: it must not repeat a pasted password.
        hide_input_in_errors=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    keeps_null: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return {k: v for k, v in raw.items() if v is not None or k in cls.keeps_null}

    @classmethod
    @override
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonObject:
        """Add the rules in CEL to the model's schema."""
        schema = handler(core_schema)
        if cls.rules:
            handler.resolve_ref_schema(schema)[VALIDATIONS] = [rule.wire() for rule in cls.rules]
        return schema

    def dump(self) -> JsonObject:
        """Return the wire form: camelCase, JSON types, absent where None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


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
    """One row of the operator's RBAC table: which verbs on what, and why.

    `scope`: Cluster is wherever the operator serves, OwnNamespace the namespace that it runs in.
    `namespaced`: False for resources that have no namespace.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()
    scope: Literal["Cluster", "OwnNamespace"] = "Cluster"
    namespaced: bool = True


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


class OwnerReference(Model):
    """An object that this one goes with."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


class Metadata(Model):
    """The part of ObjectMeta that the operator reads."""

    name: str
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
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
    observed_generation: Whole = Field(
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

    conditions: Annotated[tuple[Condition, ...], Distinct(by="type")] = Field(
        default=(),
        description="Ready, and Reconciling and Stalled while they are true (kstatus).",
        max_length=16,
    )
    observed_generation: Whole = Field(
        default=0, ge=0, description="The generation that the operator has dealt with."
    )
    last_handled_requested_at: str | None = Field(
        default=None,
        description="The last value of the annotation ebbflow.dev/requested-at that was dealt with.",
        max_length=1024,
    )


NAME_MAX_LENGTH = 52


class Resource(Model):
    """A live custom resource. Subclasses give `spec`, `status` and their `declaration`."""

    declaration: ClassVar[Declaration]
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.metadata.name.size() <= {NAME_MAX_LENGTH}",
            f"metadata.name may have at most {NAME_MAX_LENGTH} characters, because labels and the names of Runs and Jobs are made from it: choose a shorter name",
        ),
    )

    metadata: Metadata
    status: CommonStatus = CommonStatus()

    @model_validator(mode="after")
    def _name_is_short(self) -> Self:
        if len(self.metadata.name) > NAME_MAX_LENGTH:
            raise ValueError(Resource.rules[0].message)
        return self

    @property
    def key(self) -> Key:
        """The key of the object in the work queue."""
        return Key(self.declaration.kind, self.metadata.namespace, self.metadata.name)

    @classmethod
    def parse(cls, raw: JsonObject) -> Self:
        """Read a live object; unknown keys are ignored, and null stands for absent."""
        return cls.model_validate(raw)


_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_FRACTION = r"(?:\.[0-9]{1,9})?"
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
# The digits are bounded so that no text of 32 characters passes the 292 years of Go's int64.
DURATION_PATTERN = rf"(?:[0-9]{{1,5}}{_FRACTION}h|[0-9]{{1,6}}{_FRACTION}m|[0-9]{{1,9}}{_FRACTION}(?:s|ms|us|µs|ns))+"
DURATION_MAX_LENGTH = 32
_IS_DURATION = Require(
    DURATION_PATTERN, "must be a duration: write it like 500ms, 30s, 5m or 1h30m"
)
AT_LEAST_A_SECOND = Rule(
    f"!{_IS_DURATION.rule.rule} || duration(self) >= duration('1s')",
    "must be at least 1s: write it like 30s, 5m or 1h",
)


def _nanoseconds(text: object) -> int:
    if not isinstance(text, str):
        raise ValueError(_IS_DURATION.message)  # noqa: TRY004 - pydantic reports ValueErrors
    if len(text) > DURATION_MAX_LENGTH:
        raise ValueError(f"must be a duration of at most {DURATION_MAX_LENGTH} characters")
    _IS_DURATION.check(text)
    parts = _DURATION_PART.findall(text)
    return int(sum(Fraction(number) * _NANOSECONDS[unit] for number, unit in parts))


def parse_duration(text: object) -> timedelta:
    """Read a Go duration such as `500ms`, `1m30s` or `1h`; raises ValueError for anything else.

    The grammar is that of Go's time.ParseDuration without signs; what is finer than a
    microsecond is lost.
    """
    if isinstance(text, timedelta):
        return text
    return timedelta(microseconds=_nanoseconds(text) // 1000)


def _parse_interval(text: object) -> timedelta:
    seconds = text.total_seconds() if isinstance(text, timedelta) else _nanoseconds(text) / 10**9
    if seconds < 1:
        raise ValueError(AT_LEAST_A_SECOND.message)
    return parse_duration(text)


def format_duration(value: timedelta) -> str:
    """Write a duration as Go does for whole units: 1h, 5m, 30s, 500ms."""
    milliseconds = round(value.total_seconds() * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def _duration_schema(*rules: Rule) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "maxLength": DURATION_MAX_LENGTH,
            VALIDATIONS: [rule.wire() for rule in rules],
        }
    )


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    _duration_schema(_IS_DURATION.rule),
]

Interval = Annotated[
    timedelta,
    BeforeValidator(_parse_interval),
    PlainSerializer(format_duration, return_type=str),
    _duration_schema(_IS_DURATION.rule, AT_LEAST_A_SECOND),
]
