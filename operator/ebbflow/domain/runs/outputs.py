"""What nodes hand on: the part of it that a status keeps, and how later nodes see it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import SecretKey, references
from ebbflow.domain.runs.states import States
from ebbflow.domain.secret import Tainted

NODE_BYTES: Final = 4 * 1024
RUN_BYTES: Final = 64 * 1024
"""What a status keeps of the outputs of one node, and of all of them (api: Run)."""

_MISSING: Final = object()


class RefNeeds:
    """Which fields of which refs the expressions of a document name.

    `also`: paths that somebody else names, each with its ref first.
    """

    def __init__(self, document: JsonObject, also: Iterable[tuple[str, ...]] = ()) -> None:
        self._paths: dict[str, set[tuple[str, ...]]] = {}
        for ref, *path in also:
            self._paths.setdefault(ref, set()).add(tuple(path))
        for part in ("spec", "teardownSpec", "arguments"):
            for ref, *path in references(document.get(part), (part,)).refs:
                self._paths.setdefault(ref, set()).add(tuple(path))

    def paths(self, ref: str | None) -> frozenset[tuple[str, ...]]:
        """Return the paths within the outputs of a ref that something names."""
        return frozenset(self._paths.get(ref or "", ()))


def kept(outputs: Json, paths: Iterable[tuple[str, ...]], room: int) -> Json:
    """Return the part of a node's outputs that its status keeps: the named fields, no secrets.

    None if that is nothing, or more than `room` bytes: then it is asked for again when needed.
    """
    found: dict[str, Any] = {}
    for path in sorted(paths):
        value = _plain(_at(outputs, path))
        if value is _MISSING:
            continue
        if not path:
            return value if _size(value) <= min(room, NODE_BYTES) else None
        _put(found, path, value)
    return found if found and _size(found) <= min(room, NODE_BYTES) else None


def lacks(outputs: Json, paths: Iterable[tuple[str, ...]]) -> bool:
    """Tell whether a status kept less than what is named: left out, or it never was there."""
    return any(_at(outputs, path) is _MISSING for path in paths)


class RefsView(Mapping[str, Json]):
    """The outputs of nodes by ref, as one node sees them.

    Where a ref stands in a loop, it is that of the same iteration. `whole` are outputs in memory by
    path; where they are not known, those that the status kept count.
    """

    def __init__(
        self, states: States, whole: Mapping[str, Json], given: Mapping[str, Json], path: str
    ) -> None:
        self._states = states
        self._whole = whole
        self._given = given
        self._path = path

    @cached_property
    def _by_ref(self) -> dict[str, list[str]]:
        """Most expressions read no ref, so this is made when one does."""
        found: dict[str, list[str]] = {}
        for state in self._states.values():
            if state.ref is not None:
                found.setdefault(state.ref, []).append(state.path)
        return found

    @override
    def __getitem__(self, ref: str) -> Json:
        candidates = self._by_ref.get(ref)
        if not candidates:
            return self._given[ref]
        path = max(candidates, key=lambda one: (_shares_iteration(one, self._path), one))
        if path in self._whole:
            return self._whole[path]
        state = self._states[path]
        if state.phase != "Succeeded":
            raise KeyError(ref)
        return state.outputs if state.outputs is not None else {}

    @override
    def __iter__(self) -> Iterator[str]:
        return iter({**self._given, **self._by_ref})

    @override
    def __len__(self) -> int:
        return len({**self._given, **self._by_ref})


def _shares_iteration(path: str, here: str) -> int:
    """Return how much of the iterations around `path` is around `here` too; -1: another one."""
    prefix = path[: path.rfind("]") + 1]
    return len(prefix) if here.startswith(prefix) else -1


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            case _:
                return _MISSING
    return value


def _plain(value: Any) -> Any:
    """Return the value without secrets, as if they were not there."""
    match value:
        case Tainted() | SecretKey():
            return _MISSING
        case dict():
            plain = {key: _plain(item) for key, item in value.items()}
            return {key: item for key, item in plain.items() if item is not _MISSING}
        case list() | tuple():
            items = [_plain(item) for item in value]
            # A list with a hole would have other indexes.
            return _MISSING if any(item is _MISSING for item in items) else items
        case _:
            return value


def _put(into: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        inner = into.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        into = inner
    into.setdefault(path[-1], value)


def _size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
