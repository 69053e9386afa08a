"""A document as registers: one for each place that holds a value, named as the product names it."""

from __future__ import annotations

import json
from typing import Any

JsonObject = dict[str, Any]
Registers = dict[str, str]
"""Path → value as JSON text; a place that holds nothing is missing."""

STEPS = "spec.spec.steps"
START: JsonObject = {
    "apiVersion": "v1.2",
    "arguments": {
        "A": "first a",
        "B": "first b",
        "C": 7,
        "LIST": ["one", "two"],
        "PAIRS": [{"x": "x0", "y": "y0"}, {"x": "x1", "y": "y1"}],
    },
    "spec": {
        "kind": "Workflow",
        "spec": {
            "type": "sequential",
            "steps": [
                {"kind": "Manifest", "ref": "r0", "spec": {"f": "first f"}},
                {"kind": "Job", "ref": "r1", "spec": {"f": "second f", "g": 12}},
            ],
        },
    },
}


def registers(document: JsonObject) -> Registers:
    """Return the registers of a document. Lists of plain values are one register."""
    found: Registers = {}
    _walk("", document, found)
    return found


def _walk(path: str, value: Any, found: Registers) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _walk(f"{path}.{key}" if path else key, item, found)
    elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            step = f"[ref={item['ref']}]" if "ref" in item else f"[{index}]"
            _walk(path + step, item, found)
    else:
        found[path] = json.dumps(value, sort_keys=True)


def order(document: JsonObject) -> list[str]:
    """Return the refs of the steps in their order."""
    return [step["ref"] for step in document["spec"]["spec"]["steps"]]


def scope(path: str) -> str:
    """Return the item of the list of steps that a register is in, or the register itself.

    An item that one side removed and the other side changed is in conflict as a whole.
    """
    if not path.startswith(f"{STEPS}[ref="):
        return path
    return path[: path.index("]") + 1]


def covers(listed: str, path: str) -> bool:
    """Tell whether the path of a conflict speaks of a register."""
    return path == listed or path.startswith((f"{listed}.", f"{listed}["))
