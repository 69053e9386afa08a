"""Specs of nodes, read strictly: what is wrong with one is said by its field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from ebbflow.api.base import JsonObject, Model
from ebbflow.domain.expression import SecretKey
from ebbflow.domain.expression.errors import hint
from ebbflow.domain.expression.parser import BEGIN
from ebbflow.domain.first_few import SHOWN, first_few
from ebbflow.domain.secret import Tainted

_PLAIN: Final = {
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
}
"""What people are told instead of pydantic's words for its types of errors."""

_NOT_OURS: Final = re.compile(r"^(?:Input|String|Tuple|List|Dictionary|Value) should ")

_ABSENT: Final = "absent"
_TOO_LITTLE: Final = "too_little"

SecretText = Annotated[str | Tainted, WithJsonSchema({"type": "string"})]
"""A text that may come from a secret. Texts of any other type refuse secrets."""


class NodeSpec(Model):
    """The base of all specs of nodes: unknown fields are errors; texts may spell numbers."""

    model_config = ConfigDict(extra="forbid", strict=False, arbitrary_types_allowed=True)


def spec_problem(error: ValidationError) -> str:
    """Return what is wrong with a rendered spec: `spec.url: the field is missing; …`. Never a value."""
    return _sentence(_errors(error))


@dataclass(frozen=True, slots=True)
class StaticFault:
    """What is wrong with a spec before it is rendered: the steps to it, and a sentence.

    `cannot_be_run`: the document is sound, but says too little for being run here.
    """

    location: tuple[int | str, ...]
    message: str
    cannot_be_run: bool = False


def static_faults(spec: type[NodeSpec], raw: JsonObject) -> list[StaticFault]:
    """Return what is wrong with a spec before it is rendered.

    A field whose value holds an expression is judged when it is rendered.
    """
    try:
        spec.model_validate(raw)
    except ValidationError as error:
        names = [field.alias or name for name, field in spec.model_fields.items()]
        return [
            StaticFault(one["loc"], _words(one, names), one["type"] == _TOO_LITTLE)
            for one in _errors(error)
            if not _undecided(raw, one)
        ]
    return []


def absent(words: str) -> PydanticCustomError:
    """Return the error of a validator of the whole spec that misses a field: unlike what depends on
    values, that can be told before they are rendered. `words` say which, and what to do.
    """
    return PydanticCustomError(_ABSENT, words)


def too_little(words: str) -> PydanticCustomError:
    """Return the same for a field that sound documents of Northflank's do not have."""
    return PydanticCustomError(_TOO_LITTLE, words)


def no_references(value: Any) -> Any:
    """Refuse `${{secrets…}}` in a field of any JSON: only objects can refer to a Secret.

    For use as a validator; raises ValueError.
    """
    match value:
        case SecretKey():
            raise ValueError(
                "${{secrets…}} can only stand in objects; write ${secrets…} to send the secret itself"
            )
        case dict():
            for item in value.values():
                no_references(item)
        case list():
            for item in value:
                no_references(item)
        case _:
            pass
    return value


def _errors(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_context=False)


def _sentence(problems: list[ErrorDetails]) -> str:
    said = [f"{_path(problem['loc'])}: {_words(problem)}" for problem in problems[:SHOWN]]
    return first_few(said, len(problems))


def _words(problem: ErrorDetails, names: Sequence[str] = ()) -> str:
    """Return pydantic's words, or plainer ones. `names`: the fields that the spec has."""
    match problem["type"]:
        case "missing":
            return "the field is missing"
        case "extra_forbidden":
            known = names if len(problem["loc"]) == 1 else ()
            return f"there is no such field{hint(str(problem['loc'][-1]), known)}"
        case "int_type" | "int_parsing" | "int_from_float":
            return "must be a whole number, such as 2"
        case "string_type" if isinstance(problem["input"], Tainted):
            return "must not come from a secret"
        case kind if kind in _PLAIN:
            return _PLAIN[kind]
        case _:
            plain = problem["msg"].removeprefix("Value error, ")
            return _NOT_OURS.sub("must ", plain)


def _undecided(raw: JsonObject, problem: ErrorDetails) -> bool:
    """Tell whether only rendering can show if this is a problem."""
    if problem["type"] in ("missing", _ABSENT, _TOO_LITTLE):
        holder = _at(raw, problem["loc"][:-1])
        return not isinstance(holder, dict) or any(BEGIN in key for key in holder)
    return any(_open(step) for step in problem["loc"]) or _open(_at(raw, problem["loc"]))


def _path(location: tuple[int | str, ...]) -> str:
    return "spec" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)


def _at(raw: Any, location: tuple[int | str, ...]) -> Any:
    for step in location:
        match raw:
            case str():
                return raw
            case dict() if step in raw:
                raw = raw[step]
            case list() if isinstance(step, int) and step < len(raw):
                raw = raw[step]
            case _:
                return raw
    return raw


def _open(value: Any) -> bool:
    """Tell whether the value holds an expression anywhere."""
    match value:
        case str():
            return BEGIN in value
        case dict():
            return any(_open(item) for item in value.values())
        case list():
            return any(_open(item) for item in value)
        case _:
            return False
