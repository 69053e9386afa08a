"""Three-way merge of documents, by field, over the last document that both sides held.

Objects merge field by field, lists of nodes (objects with a `ref` or a `name`) item by item.
Any other list is one value, unless both sides kept each of its objects in its place: then it
merges item by item too. All comparisons are of normalised values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from ebbflow.domain.document import normalise
from ebbflow.domain.document.normal import canonical, identical
from ebbflow.domain.document.path import joined


class Absence(Enum):
    """The type of ABSENT."""

    ABSENT = "absent"


ABSENT: Final = Absence.ABSENT
"""No value at all, which is something else than null."""

Value = Any
"""A JSON value, or ABSENT."""

Prefer = Literal["ours", "theirs"]
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """One place that both sides changed in different ways; a value that is not there is ABSENT.

    `path` is a field path; items of lists of nodes are named in it: `spec.spec.steps[ref=api]`.
    If both sides brought the items of a list into different orders, the values are the lists.
    """

    path: str
    base: Value
    ours: Value
    theirs: Value


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged document, normalised, and the places where a choice had to be made."""

    document: dict[str, Any]
    conflicts: tuple[MergeConflict, ...] = ()


def merge(
    base: dict[str, Any],
    ours: dict[str, Any],
    theirs: dict[str, Any],
    *,
    prefer: Prefer | None = None,
) -> Merged:
    """Merge what both sides made of `base`.

    In conflicts the document holds the value of the side that `prefer` names, else that of the
    base; the conflicts are listed all the same. Raises InvalidDocument for what is no JSON.
    """
    work = _Merge(prefer)
    document = work.value("", normalise(base), normalise(ours), normalise(theirs))
    return Merged(document if isinstance(document, dict) else {}, tuple(work.conflicts))


@dataclass(slots=True)
class _Merge:
    """One merge under way, and the conflicts found so far."""

    prefer: Prefer | None
    conflicts: list[MergeConflict] = field(default_factory=list)

    def value(self, path: str, base: Value, ours: Value, theirs: Value) -> Value:
        """Merge one place."""
        if _equal(ours, theirs) or _equal(base, theirs):
            return ours
        if _equal(base, ours):
            return theirs
        if isinstance(ours, dict) and isinstance(theirs, dict):
            if isinstance(base, dict) or base is ABSENT:
                return self._objects(path, {} if base is ABSENT else base, ours, theirs)
        elif isinstance(ours, list) and isinstance(theirs, list):
            below = [] if base is ABSENT else base
            if isinstance(below, list) and all(map(_has_names, (below, ours, theirs))):
                return self._named(path, below, ours, theirs)
            if isinstance(base, list) and _in_place(base, ours) and _in_place(base, theirs):
                return self._placed(path, base, ours, theirs)
        return self._conflict(path, base, ours, theirs)

    def _conflict(self, path: str, base: Value, ours: Value, theirs: Value) -> Value:
        self.conflicts.append(MergeConflict(path, base, ours, theirs))
        return self._choose(base, ours, theirs)

    def _choose(self, base: Value, ours: Value, theirs: Value) -> Value:
        match self.prefer:
            case "ours":
                return ours
            case "theirs":
                return theirs
            case None:
                return base

    def _objects(
        self, path: str, base: dict[str, Value], ours: dict[str, Value], theirs: dict[str, Value]
    ) -> dict[str, Value]:
        merged: dict[str, Value] = {}
        for key in dict.fromkeys((*base, *ours, *theirs)):
            value = self.value(
                joined(path, key),
                base.get(key, ABSENT),
                ours.get(key, ABSENT),
                theirs.get(key, ABSENT),
            )
            if value is not ABSENT:
                merged[key] = value
        return merged

    def _placed(
        self, path: str, base: list[Value], ours: list[Value], theirs: list[Value]
    ) -> list[Value]:
        return [
            self.value(joined(path, index), *items)
            for index, items in enumerate(zip(base, ours, theirs, strict=True))
        ]

    def _named(
        self, path: str, base: list[Value], ours: list[Value], theirs: list[Value]
    ) -> list[Value]:
        sides = [{_name(item): item for item in items} for items in (base, ours, theirs)]
        merged: dict[Name, Value] = {}
        for name in dict.fromkeys(name for side in sides for name in side if name is not None):
            values = [side.get(name, ABSENT) for side in sides]
            value = self.value(f"{path}[{name[0]}={name[1]}]", *values)
            if value is not ABSENT:
                merged[name] = value
        orders = [[name for name in side if name in merged] for side in sides]
        order = _merged_order(*orders)
        if order is None:
            self.conflicts.append(MergeConflict(path, base, ours, theirs))
            chosen = self._choose(*orders)
            rest = [name for name in dict.fromkeys(orders[1] + orders[2]) if name not in chosen]
            order = [*chosen, *rest]
        return [merged[name] for name in order]


def _equal(a: Value, b: Value) -> bool:
    if a is ABSENT or b is ABSENT:
        return a is b
    return identical(a, b)


def _name(item: Value) -> Name | None:
    """Return what an item of a list of nodes is known by."""
    if isinstance(item, dict):
        for key in ("ref", "name"):
            if isinstance(item.get(key), str):
                return key, item[key]
    return None


def _has_names(items: Sequence[Value]) -> bool:
    names = Counter(map(_name, items))
    return None not in names and all(count == 1 for count in names.values())


def _in_place(base: list[Value], side: list[Value]) -> bool:
    """Tell whether each object of a list is what stood in its place, changed or not.

    So it is if there are as many, of the same names and kinds, and none that was changed is
    now what another one was.
    """
    if len(base) != len(side):
        return False
    others = Counter(map(canonical, base))
    for before, now in zip(base, side, strict=True):
        if not isinstance(before, dict) or not isinstance(now, dict):
            return False
        if _name(before) != _name(now) or before.get("kind") != now.get("kind"):
            return False
        if not identical(before, now) and others[canonical(now)]:
            return False
    return True


def _merged_order(base: list[Name], ours: list[Name], theirs: list[Name]) -> list[Name] | None:
    """Merge the orders of the items that stay; None if both sides changed it differently.

    Items that only one side has follow the item that they follow there. Where both sides added
    some in one place, those with the smaller name come first: neither side comes before the other.
    """
    both = _skeleton(base, ours, theirs)
    if both is None:
        return None
    added = _followers(both, ours), _followers(both, theirs)
    order: list[Name] = []
    for anchor in (None, *both):
        order += [] if anchor is None else [anchor]
        order += [name for run in sorted(side.get(anchor, []) for side in added) for name in run]
    return order


def _skeleton(base: list[Name], ours: list[Name], theirs: list[Name]) -> list[Name] | None:
    """Return the items that both sides have, in the order of the side that changed it."""
    common = set(ours) & set(theirs)
    old = [name for name in base if name in common]
    mine = [name for name in ours if name in common]
    other = [name for name in theirs if name in common]
    if mine == other:
        return mine
    known = set(old)
    mine_kept = [name for name in mine if name in known] == old
    other_kept = [name for name in other if name in known] == old
    if mine_kept == other_kept:
        return None  # both moved items, or both put the same new item into different places
    return other if mine_kept else mine


def _followers(common: list[Name], side: list[Name]) -> dict[Name | None, list[Name]]:
    """Return the items that are in `side` only, by the common item that they follow."""
    known = set(common)
    found: dict[Name | None, list[Name]] = {}
    anchor: Name | None = None
    for name in side:
        if name in known:
            anchor = name
        else:
            found.setdefault(anchor, []).append(name)
    return found
