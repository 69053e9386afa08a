"""Specs of nodes, read strictly: what is wrong with one is said by its field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from ebbflow.api.base import JsonObject, Model
from ebbflow.domain.expression import SecretKey
from ebbflow.domain.expression.errors import hint
from ebbflow.domain.expression.parser import BEGIN
from ebbflow.domain.secret import Tainted

SHOWN = 5

SecretText = Annotated[str | Tainted, WithJsonSchema({"type": "string"})]
"""A text that may come from a secret. Texts of any other type refuse secrets."""


class NodeSpec(Model):
    """The base of all specs of nodes: unknown fields are errors; texts may spell numbers."""

    model_config = ConfigDict(extra="forbid", strict=False, arbitrary_types_allowed=True)


def spec_problem(error: ValidationError) -> str:
    """Return what is wrong with a rendered spec: `spec.url: the field is missing; …`. Never a value."""
    return _sentence(_errors(error))


def static_faults(spec: type[NodeSpec], raw: JsonObject) -> list[tuple[tuple[int | str, ...], str]]:
    """Return what is wrong with a spec before it is rendered: steps within it, and a sentence.

    A field whose value holds an expression is judged when it is rendered.
    """
    try:
        spec.model_validate(raw)
    except ValidationError as error:
        names = [field.alias or name for name, field in spec.model_fields.items()]
        return [
            (one["loc"], _words(one, names)) for one in _errors(error) if not _undecided(raw, one)
        ]
    return []


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
    return error.errors(include_url=False, include_input=False, include_context=False)


def _sentence(problems: list[ErrorDetails]) -> str:
    said = [f"{_path(problem['loc'])}: {_words(problem)}" for problem in problems[:SHOWN]]
    more = len(problems) - len(said)
    return "; ".join(said) + (f"; and {more} more" if more > 0 else "")


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
        case _:
            return problem["msg"].removeprefix("Value error, ")


def _undecided(raw: JsonObject, problem: ErrorDetails) -> bool:
    """Tell whether only rendering can show if this is a problem."""
    if problem["type"] == "missing":
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
