"""The verdicts about an object's health, and reading a status that may hold anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.conditions import clip
from ebbflow.domain.one_line import one_line
from ebbflow.domain.secret import Tainted

MAX_MESSAGE: Final = 512


@dataclass(frozen=True, slots=True)
class Current:
    """As it should be."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class InProgress:
    """Not yet; it may become Current by itself."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It will not become Current unless somebody does something (or it recovers by luck)."""

    message: str


@dataclass(frozen=True, slots=True)
class Terminating:
    """It is being deleted."""

    message: str


Health = Current | InProgress | Failed | Terminating


def mapping(value: Any) -> JsonObject:
    """Return an object, or an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[JsonObject]:
    """Return the objects of a list, or none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a text in one bounded line, or an empty one where it is none."""
    if not isinstance(value, str) or isinstance(value, Tainted):
        return ""
    return clip(one_line(value), MAX_MESSAGE)


def count(holder: JsonObject, field: str, default: int = 0) -> int:
    """Return a whole number of an object, or `default` where there is none."""
    value = holder.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def group_of(live: JsonObject) -> str:
    """Return the API group of an object; the core group is the empty text."""
    return text(live.get("apiVersion")).rpartition("/")[0]


def condition(live: JsonObject, type_: str) -> JsonObject:
    """Return the object's condition of a type; an empty object if there is none."""
    return condition_in(mapping(live.get("status")), type_)


def condition_in(holder: JsonObject, type_: str) -> JsonObject:
    """Return the condition of a type from the `conditions` of `holder`, or an empty object."""
    found = (entry for entry in items(holder.get("conditions")) if entry.get("type") == type_)
    return next(found, {})


def is_true(entry: JsonObject) -> bool:
    """Tell whether a condition is there and holds."""
    return entry.get("status") == "True"


def words_of(entry: JsonObject, default: str) -> str:
    """Return a condition's message, else its reason, else `default`."""
    return text(entry.get("message")) or text(entry.get("reason")) or default
