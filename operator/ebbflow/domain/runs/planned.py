"""What a dry run found, as much of it as is known and a status has room for. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from ebbflow.api.run import PlannedChange
from ebbflow.domain.document.syntax import Json

MOST_CHANGES: Final = 1000
MOST_BYTES: Final = 600_000
"""Of all changes as JSON. etcd takes 1.5 MiB of a Run, and its nodes need room as well."""


NOT_KNOWN: Final = "(known after the run)"
"""Stands in a plan for what only a real run can tell."""


def holds_unknown(value: Json) -> bool:
    """Tell whether anything in a JSON value is not known yet."""
    match value:
        case str():
            return NOT_KNOWN in value
        case dict():
            return any(holds_unknown(key) or holds_unknown(item) for key, item in value.items())
        case list() | tuple():
            return any(map(holds_unknown, value))
        case _:
            return False


def known_part(value: Json) -> Json:
    """Return the value without what is not known yet, so that whoever reads that finds it missing.

    A list that holds something unknown goes as a whole: its other items would move.
    """
    if not isinstance(value, dict):
        return value
    return {
        key: known_part(item)
        for key, item in value.items()
        if not holds_unknown(key) and (isinstance(item, dict) or not holds_unknown(item))
    }


def fitting(changes: Sequence[PlannedChange]) -> tuple[tuple[PlannedChange, ...], int]:
    """Return the changes to show, and how many are left out.

    What would be done with an object is told before what would change in it: where the room ends,
    the later objects are listed without their fields.
    """
    names = [change.model_copy(update={"fields": None}) for change in changes]
    shown: list[PlannedChange] = []
    room = MOST_BYTES
    for name in names[:MOST_CHANGES]:
        room -= _size(name)
        if room < 0:
            break
        shown.append(name)
    for index in range(len(shown)):
        more = _size(changes[index]) - _size(shown[index])
        if more <= room:
            room -= more
            shown[index] = changes[index]
    return tuple(shown), len(changes) - len(shown)


def _size(change: PlannedChange) -> int:
    return len(json.dumps(change.dump(), ensure_ascii=False).encode())
