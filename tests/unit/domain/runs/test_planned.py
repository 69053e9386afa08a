"""A plan fits into a status, whatever it is a plan of."""

from __future__ import annotations

import json
from functools import cache

import pytest

from ebbflow.api.run import FieldChange, PlannedChange
from ebbflow.domain.runs.planned import MOST_BYTES, MOST_CHANGES, fitting


@cache
def field_changes(count: int, width: int) -> tuple[FieldChange, ...]:
    text = "ö" * width
    return tuple(FieldChange(path=f"data.k{n}", from_=text, to=text) for n in range(count))


def change(number: int, fields: int = 0, width: int = 1) -> PlannedChange:
    told = field_changes(fields, width) or None
    return PlannedChange(node="0", object=f"v1 ConfigMap a/{number}", action="update", fields=told)


def size(changes: tuple[PlannedChange, ...]) -> int:
    return sum(len(json.dumps(one.dump(), ensure_ascii=False).encode()) for one in changes)


def test_a_small_plan_is_shown_whole() -> None:
    changes = tuple(change(number, fields=3) for number in range(9))
    assert fitting(changes) == (changes, 0)


def test_what_is_left_out_is_counted() -> None:
    shown, left = fitting([change(number) for number in range(MOST_CHANGES + 7)])
    assert (len(shown), left) == (MOST_CHANGES, 7)


@pytest.mark.parametrize(("objects", "fields", "width"), [(1000, 50, 256), (600, 5, 200)])
def test_a_large_plan_names_every_object_before_it_tells_their_fields(
    objects: int, fields: int, width: int
) -> None:
    shown, left = fitting([change(number, fields, width) for number in range(objects)])
    assert (len(shown), left) == (objects, 0)
    assert size(shown) <= MOST_BYTES
    assert shown[0].fields
    assert shown[-1].fields is None
