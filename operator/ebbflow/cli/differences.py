"""What differs between two documents, field by field, with secrets left out. Pure."""

from __future__ import annotations

from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.document.normal import normalise
from ebbflow.domain.leaks import looks_like_token
from ebbflow.domain.plan import FieldChange, plan_object
from ebbflow.domain.secret import Tainted

_ROOT: Final = "document"


def document_changes(
    before: JsonObject | None, after: JsonObject | None
) -> tuple[tuple[FieldChange, ...], int]:
    """Return the fields that differ, and how many more do.

    Values of arguments that either document calls sensitive, and what looks like a token, are
    shown as `(secret)`.
    """
    sensitive = {name for one in (before, after) for name in _sensitive(one)}
    plan = plan_object(
        {_ROOT: _masked(before or {}, sensitive)}, {_ROOT: _masked(after or {}, sensitive)}
    )
    changes = tuple(
        FieldChange(change.path.removeprefix(f"{_ROOT}."), change.before, change.after)
        for change in plan.fields
    )
    return changes, plan.more


def _sensitive(document: JsonObject | None) -> tuple[str, ...]:
    names = (document or {}).get("sensitiveArguments")
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()


def _masked(document: JsonObject, sensitive: set[str]) -> Any:
    whole = normalise(document)
    arguments = whole.get("arguments") if isinstance(whole, dict) else None
    if isinstance(whole, dict) and isinstance(arguments, dict):
        hidden = {
            name: Tainted(value) if name in sensitive else value
            for name, value in arguments.items()
        }
        whole = {**whole, "arguments": hidden}
    return _without_tokens(whole)


def _without_tokens(value: Any) -> Any:
    match value:
        case str():
            return Tainted(value) if looks_like_token(value) else value
        case dict():
            return {key: _without_tokens(item) for key, item in value.items()}
        case list():
            return [_without_tokens(item) for item in value]
        case _:
            return value
