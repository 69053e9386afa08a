"""Runs as the API server sends them, for tests of what the command line makes of them."""

from __future__ import annotations

from typing import Any

from ebbflow.api.base import API_VERSION
from ebbflow.api.run import Run

JsonObject = dict[str, Any]

BEGAN = "2026-11-21T10:00:00.000000Z"


def raw_run(
    name: str = "shop-1",
    phase: str | None = "Running",
    nodes: tuple[JsonObject, ...] = (),
    version: str = "1",
    **spec: Any,
) -> JsonObject:
    """Return a Run of the Template shop."""
    status: JsonObject = {"phase": phase, "nodes": list(nodes), "startedAt": BEGAN}
    return {
        "apiVersion": API_VERSION,
        "kind": "Run",
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": name,
            "resourceVersion": version,
            "creationTimestamp": "2026-11-21T10:00:00Z",
        },
        "spec": {"source": {"kind": "Template", "name": "shop"}, **spec},
        "status": status if phase else {},
    }


def run_of(*nodes: JsonObject, **fields: Any) -> Run:
    """Return the same, read."""
    return Run.parse(raw_run(nodes=nodes, **fields))


def node(path: str, phase: str = "Succeeded", kind: str = "Manifest", **fields: Any) -> JsonObject:
    """Return an entry of `status.nodes`."""
    times: JsonObject = {"startedAt": BEGAN}
    if phase in ("Succeeded", "Failed"):
        times["finishedAt"] = "2026-11-21T10:00:02.500000Z"
    return {"path": path, "kind": kind, "phase": phase, **times, **fields}
