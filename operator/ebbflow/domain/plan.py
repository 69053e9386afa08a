"""What a run would change: from objects as they are and as a dry run returns them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from ebbflow.api.base import JsonObject
from ebbflow.domain.conditions import clip
from ebbflow.domain.document.path import joined
from ebbflow.domain.secret import Tainted

Action = Literal["create", "update", "delete", "none"]

MAX_FIELDS: Final = 50
"""Fields of one object that are listed; the rest is counted."""

MAX_VALUE: Final = 256
"""Characters of a value."""

MAX_PATH: Final = 256

SECRET: Final = "(secret)"  # noqa: S105 - what is shown instead of one

_SERVER_MADE: Final = frozenset(
    (
        *("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"),
        *("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"),
    )
)
"""Fields of metadata that the API server writes."""

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_DATA: Final = ("data", "stringData")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, its value before and after as text; None: it is not there."""

    path: str
    before: str | None
    after: str | None

    def dump(self) -> JsonObject:
        """Return it as the status of a Run has it."""
        wire = {"path": self.path, "from": self.before, "to": self.after}
        return {key: value for key, value in wire.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """What happens to one object; `more` fields are changed beside those that are listed."""

    action: Action
    fields: tuple[FieldChange, ...] = ()
    more: int = 0


def plan_object(live: JsonObject | None, wished: JsonObject | None) -> ObjectPlan:
    """Compare an object as it is (None: not there) with what a dry run makes of it.

    `wished` None: it would be deleted. What the API server writes by itself is left out, values of
    Secrets and tainted values are shown as `(secret)` only.
    """
    if wished is None:
        return ObjectPlan("none" if live is None else "delete")
    changes = _differ("", _visible(live or {}), _visible(wished))
    fields: list[FieldChange] = []
    more = 0
    for change in changes:
        if len(fields) < MAX_FIELDS:
            fields.append(change)
        else:
            more += 1
    if live is None:
        return ObjectPlan("create", tuple(fields), more)
    return ObjectPlan("update" if fields else "none", tuple(fields), more)


def _visible(raw: JsonObject) -> JsonObject:
    """What people wrote: without status and what the API server writes, secrets marked as such."""
    shown = {
        key: value for key, value in raw.items() if key not in ("status", "apiVersion", "kind")
    }
    metadata = dict(raw.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(_LAST_APPLIED, None)
    shown["metadata"] = {k: v for k, v in metadata.items() if k not in _SERVER_MADE}
    shown["metadata"]["annotations"] = annotations
    if raw.get("kind") == "Secret" and raw.get("apiVersion", "v1") == "v1":
        for field in _DATA:
            values = shown.get(field)
            if isinstance(values, dict):
                shown[field] = {key: _tainted(value) for key, value in values.items()}
    return _without_empty(shown)


def _tainted(value: Any) -> Any:
    return Tainted(value) if isinstance(value, str) else value


def _without_empty(value: JsonObject) -> JsonObject:
    """Leave out fields that say nothing, which a client may write and the API server may drop."""
    kept = {
        key: _without_empty(item) if isinstance(item, dict) else item for key, item in value.items()
    }
    return {key: item for key, item in kept.items() if item not in (None, {}, [])}


def _differ(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _differ(joined(path, key), before.get(key), after.get(key))
    elif isinstance(before, dict | None) and isinstance(after, dict | None):
        for key in before or after or {}:
            one, other = (before or {}).get(key), (after or {}).get(key)
            yield from _differ(joined(path, key), one, other)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _differ_lists(path, before, after)
    else:
        yield FieldChange(clip(path, MAX_PATH), _shown(before), _shown(after))


def _differ_lists(path: str, before: list[Any], after: list[Any]) -> Iterator[FieldChange]:
    old, new = _named(before), _named(after)
    if old is not None and new is not None:
        for name in dict.fromkeys((*old, *new)):
            yield from _differ(f"{path}[name={name}]", old.get(name), new.get(name))
        if old.keys() == new.keys() and list(old) != list(new):
            yield FieldChange(clip(path, MAX_PATH), _shown(list(old)), _shown(list(new)))
    elif len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differ(joined(path, index), one, other)
    else:
        yield FieldChange(clip(path, MAX_PATH), _shown(before), _shown(after))


def _named(items: list[Any]) -> dict[str, Any] | None:
    """The items by their names; None if they do not all have one, each its own."""
    names = {
        item["name"]: item
        for item in items
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    }
    return names if len(names) == len(items) else None


def _same(before: Any, after: Any) -> bool:
    # 1 == True in Python, and they are different JSON values.
    if isinstance(before, bool) != isinstance(after, bool):
        return False
    if isinstance(before, dict | list) or isinstance(after, dict | list):
        return False if type(before) is not type(after) else _equal_inside(before, after)
    return bool(before == after)


def _equal_inside(before: Any, after: Any) -> bool:
    if len(before) != len(after):
        return False
    if isinstance(before, dict):
        return all(key in after and _same(item, after[key]) for key, item in before.items())
    return all(_same(one, other) for one, other in zip(before, after, strict=True))


def _shown(value: Any) -> str | None:
    match value:
        case None:
            return None
        case Tainted():
            return SECRET
        case str():
            text = value
        case _:
            text = json.dumps(_masked(value), ensure_ascii=False, separators=(",", ":"))
    return clip("".join(c if c.isprintable() or c == "\n" else "?" for c in text), MAX_VALUE)


def _masked(value: Any) -> Any:
    match value:
        case Tainted():
            return SECRET
        case dict():
            return {key: _masked(item) for key, item in value.items()}
        case list():
            return [_masked(item) for item in value]
        case _:
            return value
