"""The last gate before a Run's status is shown: known secrets are taken out of its texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ebbflow.api.base import JsonObject

TEXTS: Final = frozenset(("message", "outputs", "from", "to"))
"""Fields of a status whose texts come from documents, objects and servers."""

Redact = Callable[[str], str]


def shown_status(old: JsonObject, new: JsonObject, redact: Redact) -> JsonObject:
    """Return what to write for the `new` status where `old` is in place; both in wire form.

    What is in place has been through this already and is not looked at again: of 500 nodes, one
    write changes a few. Entries of `nodes` are told apart by their paths.
    """
    before = {entry["path"]: entry for entry in old.get("nodes", ())}
    shown = {
        field: value if field in old and old[field] == value else _field(field, value, redact)
        for field, value in new.items()
        if field != "nodes"
    }
    if "nodes" in new:
        shown["nodes"] = [
            entry if entry == before.get(entry["path"]) else _inside(entry, redact)
            for entry in new["nodes"]
        ]
    return shown


def _field(name: str, value: Any, redact: Redact) -> Any:
    return _without_secrets(value, redact) if name in TEXTS else _inside(value, redact)


def _inside(value: Any, redact: Redact) -> Any:
    match value:
        case dict():
            return {key: _field(key, item, redact) for key, item in value.items()}
        case list():
            return [_inside(item, redact) for item in value]
        case _:
            return value


def _without_secrets(value: Any, redact: Redact) -> Any:
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact(key): _without_secrets(item, redact) for key, item in value.items()}
        case list():
            return [_without_secrets(item, redact) for item in value]
        case _:
            return value
