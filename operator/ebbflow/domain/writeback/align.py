"""Which item of a changed list was which item of the list before."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence

from ebbflow.domain.document.normal import canonical, identical
from ebbflow.domain.document.syntax import Json

Matches = list[int | None]
"""For each item now, the index of the item it was, or None if it is new."""

_MOST_COMPARISONS = 2500


def identity(item: Json) -> tuple[str, str] | None:
    """Return what names an item of a list of nodes: its `ref`, else its `name`."""
    if isinstance(item, dict):
        for key in ("ref", "name"):
            if isinstance(item.get(key), str):
                return key, item[key]
    return None


def match_items(before: Sequence[Json], now: Sequence[Json]) -> Matches:
    """Match the items of two lists of normalised values.

    Equal items first, then items of the same name, then, between those that kept their order,
    objects that are alike and as many scalars as there were. Each item is used once.
    """
    matches: Matches = [None] * len(now)
    _match_ends(before, now, matches)
    _match_by(before, now, matches, identity)
    _match_by(before, now, matches, canonical)
    for old_gap, new_gap in _gaps(before, matches):
        _match_gap(before, now, matches, old_gap, new_gap)
    return matches


def in_order(matches: Matches) -> set[int]:
    """Return the largest set of matched old indices that kept their order: they need not move."""
    tails: list[int] = []  # the smallest last item of an ordered chain, by the chain's length
    before: dict[int, int | None] = {}
    for old in matches:
        if old is None:
            continue
        place = bisect_left(tails, old)
        before[old] = tails[place - 1] if place else None
        tails[place : place + 1] = [old]
    kept: set[int] = set()
    last = tails[-1] if tails else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept


def _match_ends(before: Sequence[Json], now: Sequence[Json], matches: Matches) -> None:
    """Match equal items at both ends."""
    shorter = min(len(before), len(now))
    first = 0
    while first < shorter and identical(before[first], now[first]):
        matches[first] = first
        first += 1
    last = 0
    while last < shorter - first and identical(before[-1 - last], now[-1 - last]):
        last += 1
        matches[len(now) - last] = len(before) - last


def _match_by(
    before: Sequence[Json],
    now: Sequence[Json],
    matches: Matches,
    name: Callable[[Json], Hashable | None],
) -> None:
    """Match what is still free by a name, in order where several have it."""
    taken = set(matches)
    free: dict[Hashable, deque[int]] = defaultdict(deque)
    for index, item in enumerate(before):
        if index not in taken:
            free[name(item)].append(index)
    for index, item in enumerate(now):
        named = name(item)
        if matches[index] is None and named is not None and free.get(named):
            matches[index] = free[named].popleft()


def _gaps(before: Sequence[Json], matches: Matches) -> list[tuple[list[int], list[int]]]:
    """Return the unmatched items of both lists between items that kept their order."""
    kept = in_order(matches)
    taken = set(matches)
    old_gaps: list[list[int]] = [[]]
    for index in range(len(before)):
        if index in kept:
            old_gaps.append([])
        elif index not in taken:
            old_gaps[-1].append(index)
    new_gaps: list[list[int]] = [[]]
    for index, old in enumerate(matches):
        if old is None:
            new_gaps[-1].append(index)
        elif old in kept:
            new_gaps.append([])
    return [pair for pair in zip(old_gaps, new_gaps, strict=True) if all(pair)]


def _match_gap(
    before: Sequence[Json],
    now: Sequence[Json],
    matches: Matches,
    old_gap: list[int],
    new_gap: list[int],
) -> None:
    if len(old_gap) == len(new_gap):
        # As many as before: each was changed where it stands.
        for old, new in zip(old_gap, new_gap, strict=True):
            matches[new] = old
        return
    if len(old_gap) * len(new_gap) > _MOST_COMPARISONS:
        return
    for old, new in _alike(before, now, old_gap, new_gap):
        matches[new] = old


def _alike(
    before: Sequence[Json], now: Sequence[Json], old_gap: list[int], new_gap: list[int]
) -> list[tuple[int, int]]:
    """Pair objects that have most in common, without crossing pairs."""
    best: list[list[tuple[int, tuple[tuple[int, int], ...]]]]
    best = [[(0, ())] * (len(new_gap) + 1) for _ in range(len(old_gap) + 1)]
    for row, old in enumerate(old_gap, start=1):
        for column, new in enumerate(new_gap, start=1):
            options = [best[row - 1][column], best[row][column - 1]]
            common = likeness(before[old], now[new])
            if common:
                score, pairs = best[row - 1][column - 1]
                options.append((score + common, (*pairs, (old, new))))
            best[row][column] = max(options, key=lambda option: option[0])
    return list(best[-1][-1][1])


def likeness(one: Json, other: Json) -> int:
    """Count the fields that two objects have in common; 0 for anything else."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return 0
    return sum(2 if identical(one[key], other[key]) else 0 for key in one if key in other)
