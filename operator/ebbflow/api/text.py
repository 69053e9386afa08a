r"""Rules on texts, written once: the model checks them in Python, the API server by CEL.

A pattern must mean the same to Python's `re` and to RE2, which CEL uses. So patterns name
their characters (`[0-9]`, `[^\x00-\x20]`) and avoid what the two read differently (`\s`, `\d`,
`\w`, `\b`, look-around); `$` is the very end of the text in both; none holds a quote.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import override

JsonSchema = dict[str, Any]
VALIDATIONS = "x-kubernetes-validations"

RuleReason = Literal["FieldValueInvalid", "FieldValueForbidden"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule (`x-kubernetes-validations`) on the schema of the model that declares it.

    With FieldValueForbidden the API server's answer does not repeat the value.
    """

    rule: str
    message: str
    reason: RuleReason = "FieldValueInvalid"

    def wire(self) -> JsonSchema:
        """Return the entry of `x-kubernetes-validations`."""
        entry: JsonSchema = {"rule": self.rule, "message": self.message}
        if self.reason != "FieldValueInvalid":
            entry["reason"] = self.reason
        return entry


def matches(pattern: str) -> str:
    """Return the CEL expression that looks for the pattern in `self`."""
    return f"self.matches(r'{pattern}')"


def whole(pattern: str) -> str:
    """Return the pattern that matches exactly the texts that `pattern` matches as a whole."""
    return f"^(?:{pattern})$"


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern as RE2 reads it: `$` is the end of the text, not before a line break."""
    return re.compile(pattern.replace("$", r"\Z"))


@dataclass(frozen=True)
class TextRule(ABC):
    """One rule on a text, as metadata of an annotated type."""

    pattern: str
    message: str
    reason: RuleReason = "FieldValueInvalid"

    @property
    @abstractmethod
    def rule(self) -> Rule:
        """The rule in CEL."""

    @abstractmethod
    def allows(self, text: str) -> bool:
        """Tell whether the text keeps the rule."""

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern for Python."""
        return compile_pattern(self.pattern)

    def check(self, text: str) -> str:
        """Return the text; raises PydanticCustomError with the message if it breaks the rule."""
        if not self.allows(text):
            raise PydanticCustomError("text_rule", "{rule}", {"rule": self.message})
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the rule after the type itself."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchema:
        """Add the rule in CEL."""
        out = handler(schema)
        out[VALIDATIONS] = [*out.get(VALIDATIONS, []), self.rule.wire()]
        return out


class Require(TextRule):
    """The whole text must match the pattern."""

    @property
    @override
    def rule(self) -> Rule:
        return Rule(matches(whole(self.pattern)), self.message, self.reason)

    @override
    def allows(self, text: str) -> bool:
        return self.compiled.fullmatch(text) is not None


class Contain(TextRule):
    """The pattern must occur in the text."""

    @property
    @override
    def rule(self) -> Rule:
        return Rule(matches(self.pattern), self.message, self.reason)

    @override
    def allows(self, text: str) -> bool:
        return self.compiled.search(text) is not None


class Refuse(TextRule):
    """The pattern must not occur in the text."""

    @property
    @override
    def rule(self) -> Rule:
        return Rule("!" + matches(self.pattern), self.message, self.reason)

    @override
    def allows(self, text: str) -> bool:
        return self.compiled.search(text) is None


NO_TOKEN = Refuse(
    r"gh[oprsu]_[A-Za-z0-9]{20}"
    r"|github_pat_[A-Za-z0-9_]{20}"
    r"|glpat-[A-Za-z0-9_-]{16}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    "looks like a token or a private key: put it into a Secret and name that in a GitAccount's spec.secretRef",
    "FieldValueForbidden",
)

NO_CONTROL = Refuse(
    r"[\x00-\x1f\x7f]", "must be one line: leave out line breaks and other control characters"
)

Line = Annotated[str, Field(min_length=1), NO_CONTROL, NO_TOKEN]

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"

Name = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Require(
        rf"{_LABEL}(?:\.{_LABEL})*",
        "must be the name of an object: lower-case letters, digits, - and ., with a letter or digit at both ends",
    ),
]
Namespace = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Require(
        _LABEL,
        "must be the name of a namespace: lower-case letters, digits and -, with a letter or digit at both ends",
    ),
]
