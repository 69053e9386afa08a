"""Field paths: `spec.spec.steps[2].kind`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

Step = str | int
"""A key of an object, or an index of an array."""

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def joined(path: str, step: Step) -> str:
    """Return `path` with one more step; a key that is no plain word is put into brackets."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not _PLAIN_KEY.fullmatch(step):
        return f"{path}[{json.dumps(step, ensure_ascii=not step.isprintable())}]"
    return f"{path}.{step}" if path else step


def path_of(steps: Iterable[Step]) -> str:
    """Return the path that the steps lead along; the document itself is the empty path."""
    path = ""
    for step in steps:
        path = joined(path, step)
    return path


_WRITTEN_STEP = re.compile(
    r"""\[([0-9]+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([A-Za-z_$][A-Za-z0-9_$-]*)"""
)


def steps_of(path: str) -> tuple[Step, ...]:
    """Return the steps that `path_of` made a path of."""
    steps: list[Step] = []
    for index, quoted, plain in _WRITTEN_STEP.findall(path):
        steps.append(int(index) if index else json.loads(quoted) if quoted else plain)
    return tuple(steps)
