"""Runs that RunTemplate nodes start: who started them, and what their starters want of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Final

from ebbflow.api.base import GROUP, Key
from ebbflow.api.run import Run

PARENT_RUN: Final = f"{GROUP}/parent-run"
"""The annotation with the name of the Run whose node started this one; of the same namespace."""

CHAIN: Final = f"{GROUP}/run-chain"
"""The annotation with the sources of the Runs that led here, the first first: `Template/shop`."""

WANTED: Final = f"{GROUP}/wanted-outputs"
"""The annotation with the outputs that the starter names, as JSON: lists of a ref and a path."""

MAX_DEPTH: Final = 8
MAX_WANTED: Final = 8 * 1024

WantedPaths = frozenset[tuple[str, ...]]


def chain_of(run: Run) -> tuple[Key, ...]:
    """Return the sources of the Runs that led to this one; what is no chain counts as none."""
    text = run.metadata.annotations.get(CHAIN, "")
    found = []
    for part in text.split(",")[: MAX_DEPTH + 1]:
        kind, slash, name = part.partition("/")
        if slash and kind and name:
            found.append(Key(kind, run.metadata.namespace, name))
    return tuple(found)


def parent_run(run: Run) -> Key | None:
    """Return the Run whose node started this one."""
    name = run.metadata.annotations.get(PARENT_RUN)
    return Key("Run", run.metadata.namespace, name) if name else None


def child_annotations(
    run: Key, chain: Iterable[Key], wanted: Collection[tuple[str, ...]]
) -> dict[str, str]:
    """Return the annotations of a Run that a node of `run` starts; `chain` ends with its source.

    Outputs that do not fit are left out: the starter then finds them missing.
    """
    paths = json.dumps(sorted(wanted), separators=(",", ":"))
    return {
        PARENT_RUN: run.name,
        CHAIN: ",".join(f"{key.kind}/{key.name}" for key in chain),
        **({WANTED: paths} if wanted and len(paths) <= MAX_WANTED else {}),
    }


def wanted_of(run: Run) -> WantedPaths:
    """Return the paths that the starter of a Run names in its outputs, each with its ref first."""
    try:
        paths = json.loads(run.metadata.annotations.get(WANTED, "[]"))
    except ValueError:
        return frozenset()
    if not isinstance(paths, list):
        return frozenset()
    return frozenset(
        tuple(path)
        for path in paths
        if isinstance(path, list) and path and all(isinstance(step, str) for step in path)
    )


def why_not(chain: Collection[Key], target: Key) -> str | None:
    """Say why a node may not run `target`; None if it may. `chain` ends with the node's own source."""
    if target in chain:
        names = " → ".join(f"{key.kind} {key.name}" for key in (*chain, target))
        return f"it would run itself again: {names}"
    if len(chain) >= MAX_DEPTH:
        return f"runs may start runs at most {MAX_DEPTH} deep"
    return None
