"""The canonical order of keys: where new ones go, and how new files are written."""

from __future__ import annotations

from collections.abc import Iterable

from ebbflow.domain.document.syntax import Json

_DOCUMENT = (
    "$schema",
    "apiVersion",
    "name",
    "description",
    "arguments",
    "sensitiveArguments",
    "options",
    "gitops",
    "richInputs",
    "triggers",
    "spec",
    "teardownSpec",
)
_NODE = (
    "kind",
    "ref",
    "name",
    "condition",
    "when",
    "onFailure",
    "timeoutDuration",
    "timeout",
    "settings",
    "skipNodeExecution",
    "runNodeOnce",
    "spec",
)
_WORKFLOW = ("type", "context", "iterations", "parallelism", "steps")
_OBJECT = ("apiVersion", "kind", "metadata", "spec", "type", "data", "stringData")


def canonical_order(value: dict[str, Json], *, document: bool) -> tuple[str, ...]:
    """Return the keys whose order is fixed for an object like this one.

    `document`: it is the document itself. Else its shape tells: a Kubernetes object has
    apiVersion and kind, a node has a kind, a workflow has steps.
    """
    if document:
        return _DOCUMENT
    if "kind" in value:
        return _OBJECT if "apiVersion" in value else _NODE
    return _WORKFLOW if "steps" in value else ("name",)


def ordered(value: dict[str, Json], *, document: bool = False) -> list[str]:
    """Return all keys of a new object: the canonical ones first, the rest as they are."""
    return in_order(value, canonical_order(value, document=document))


def in_order(keys: Iterable[str], order: tuple[str, ...]) -> list[str]:
    """Return the keys sorted by `order`; those that it does not name follow as they are."""
    rank = {key: index for index, key in enumerate(order)}
    return sorted(keys, key=lambda key: rank.get(key, len(order)))


def predecessor(key: str, present: list[str], order: tuple[str, ...]) -> str:
    """Return the present key that a new key goes behind: the one before it in `order`, else the
    last one. `present` is not empty.
    """
    if key in order:
        for before in reversed(order[: order.index(key)]):
            if before in present:
                return before
    return present[-1]
