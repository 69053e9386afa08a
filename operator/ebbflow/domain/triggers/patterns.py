"""Globs over names of branches, tags and labels: `*` is any run of characters, `/` among them."""

from __future__ import annotations

from collections.abc import Iterable


def matches(glob: str, name: str) -> bool:
    """Tell whether the glob matches the whole name; only `*` is special, and upper case differs.

    Takes time in proportion to the name's length for each `*`, whatever the texts are.
    """
    first, *others = glob.split("*")
    if not others:
        return glob == name
    *middle, last = others
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    # The earliest place for each part leaves the most room for the next ones.
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def matches_any(globs: Iterable[str], name: str) -> bool:
    """Tell whether one of the globs matches the whole name; none of them: nothing does."""
    return any(matches(glob, name) for glob in globs)
