"""A pod template laid over another one: what a document says beside the fields of a short form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ebbflow.api.base import JsonObject

KEYS: Final[Mapping[str, str]] = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
}
"""What tells the entries of a list apart, as in kubectl's strategic merge; other lists are one value."""


def overridden(template: JsonObject, override: JsonObject) -> JsonObject:
    """Return the template with the override laid over it.

    Objects are merged field by field, null takes a field away, entries of the lists in `KEYS` are
    merged where their keys are equal and else come after the others. Anything else is replaced.
    """
    made = dict(template)
    for key, value in override.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merged(key, made.get(key), value)
    return made


def _merged(key: str, below: Any, above: Any) -> Any:
    match below, above:
        case dict(), dict():
            return overridden(below, above)
        case list(), list() if key in KEYS:
            return _entries(below, above, KEYS[key])
        case _:
            return above


def _entries(below: list[Any], above: list[Any], key: str) -> list[Any]:
    made = list(below)
    places = {_name(one, key): place for place, one in enumerate(below)}
    for one in above:
        place = places.get(_name(one, key))
        if place is None or _name(one, key) is None:
            made.append(one)
        else:
            made[place] = _merged("", made[place], one)
    return made


def _name(entry: Any, key: str) -> str | None:
    """Return what an entry is told by, or None; numbers and texts that spell them are equal."""
    value = entry.get(key) if isinstance(entry, dict) else None
    return str(value) if isinstance(value, str | int) else None
