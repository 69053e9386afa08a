"""From one status of a Run to the next: the JSON patch, with secrets left out.

Only what changed is sent: with 500 nodes a status has 100 KiB and more, of which most writes change
one node. That it is applied to exactly what it was made from, the resourceVersion makes sure of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ebbflow.adapters.kube.guarded import Operations, add, remove, replace
from ebbflow.api.base import JsonObject

TEXTS: Final = frozenset(("message", "outputs", "from", "to"))
"""Fields of a status whose texts come from documents, objects and servers."""

MOST_SINGLE: Final = 100
"""Entries of `nodes` that are sent one by one; past this the list goes as a whole."""

Redact = Callable[[str], str]


def status_operations(old: JsonObject, new: JsonObject, redact: Redact) -> Operations:
    """Return what makes the `old` status, which is in place, into the `new` one; both in wire form.

    Empty if they are the same. Entries of `nodes` are told apart by their paths.
    """
    operations: Operations = []
    for field, value in new.items():
        if field == "nodes" and old.get(field):
            operations += _nodes(old[field], value, redact)
        elif field not in old or old[field] != value:
            wished = redacted({field: value}, redact)[field]
            if field not in old or old[field] != wished:
                operations.append(add(f"/status/{field}", wished))
    operations += [remove(f"/status/{field}") for field in old if field not in new]
    return operations


def redacted(value: JsonObject, redact: Redact) -> JsonObject:
    """Return a status, or a part of it, with known secrets taken out of its texts."""
    return {
        key: _without_secrets(item, redact) if key in TEXTS else _inside(item, redact)
        for key, item in value.items()
    }


def _inside(value: Any, redact: Redact) -> Any:
    match value:
        case dict():
            return redacted(value, redact)
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


def _nodes(old: list[JsonObject], new: list[JsonObject], redact: Redact) -> Operations:
    """Return the changes entry by entry, or the list as a whole if there are many."""
    before = {entry["path"]: entry for entry in old}
    wished = [_entry(before.get(entry["path"]), entry, redact) for entry in new]
    single = _single_changes(old, wished)
    return [add("/status/nodes", wished)] if len(single) > MOST_SINGLE else single


def _entry(before: JsonObject | None, entry: JsonObject, redact: Redact) -> JsonObject:
    # What is in place has been through this already.
    return entry if entry == before else redacted(entry, redact)


def _single_changes(old: list[JsonObject], new: list[JsonObject]) -> Operations:
    """Return the operations, each on the list that those before it leave."""
    kept = {entry["path"] for entry in new}
    operations: Operations = []
    left = []
    for entry in old:
        if entry["path"] in kept:
            left.append(entry)
        else:
            operations.append(remove(f"/status/nodes/{len(left)}"))
    there = {entry["path"] for entry in left}
    for index, entry in enumerate(new):
        if entry["path"] not in there or index == len(left):
            left.insert(index, entry)
            operations.append(add(f"/status/nodes/{index}", entry))
        elif left[index] != entry:
            left[index] = entry
            operations.append(replace(f"/status/nodes/{index}", entry))
    return operations + [remove(f"/status/nodes/{len(new)}")] * (len(left) - len(new))
