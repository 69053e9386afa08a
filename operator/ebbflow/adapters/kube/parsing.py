"""The cluster's door: live objects become models, one bad object never more than itself."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from ebbflow.api.base import CommonStatus, JsonObject, Metadata, Resource
from ebbflow.domain.first_few import SHOWN, first_few
from ebbflow.domain.ports import InvalidObject

R = TypeVar("R", bound=Resource)


def parse(kind: type[R], raw: JsonObject) -> R:
    """Read a live object; raises InvalidObject that names the fields and carries the rest."""
    try:
        return kind.parse(raw)
    except ValidationError as error:
        raise InvalidObject(_sentence(error), _remains(kind, raw)) from None


def _sentence(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    said = [
        f"{_path(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in problems[:SHOWN]
    ]
    return first_few(said, len(problems))


def _path(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "the object"


def _remains(kind: type[Resource], raw: JsonObject) -> Resource | None:
    """The object without its spec, so that its condition can still be written; None if even the
    metadata is unusable.
    """
    try:
        metadata = Metadata.model_validate(raw.get("metadata"))
    except ValidationError:
        return None
    return kind.model_construct(
        {"metadata", "status"}, metadata=metadata, status=_status(kind, raw)
    )


def _status(kind: type[Resource], raw: JsonObject) -> CommonStatus:
    default: CommonStatus = kind.model_fields["status"].default
    try:
        return type(default).model_validate(raw.get("status") or {})
    except ValidationError:
        return default
