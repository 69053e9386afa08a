"""The syntax tree of a document: values together with where they stand in the text.

YAML and JSON share it. Offsets count characters of the source's text. The classes are not
frozen only because freezing them makes reading a file twice as slow; nothing changes a tree once
it has been read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebbflow.domain.document.path import Step

Json = Any
"""None, bool, int, float, str, list or dict with string keys: what JSON can say."""


@dataclass(slots=True, eq=False)
class Scalar:
    """A single value. `style` is empty for plain text, else one of `"`, `'`, `|` and `>`.

    `text` is the content as written, without quotes, escapes and folds; `tag` an explicit tag,
    which then stands at `start`. A value that is left out has no length and stands where it
    would follow.
    """

    start: int
    end: int
    style: str
    text: str
    value: Json
    tag: str | None = None


@dataclass(slots=True, eq=False)
class Mapping:
    """An object. `flow` tells `{a: 1}` from the block style; `end` is only exact for flow."""

    start: int
    end: int
    flow: bool
    tag: str | None
    keys: list[Scalar]
    values: list[Node]
    value: dict[str, Json]


@dataclass(slots=True, eq=False)
class Sequence:
    """An array. `flow` tells `[1]` from the block style; `end` is only exact for flow."""

    start: int
    end: int
    flow: bool
    tag: str | None
    items: list[Node]
    value: list[Json]


Node = Scalar | Mapping | Sequence


def node_at(root: Node, steps: tuple[Step, ...], *, key: bool = False) -> Node:
    """Return the node that the steps lead to, or the last one on the way that exists.

    With `key`, the key of the last step instead of its value.
    """
    node = root
    for number, step in enumerate(steps, start=1):
        match node:
            case Mapping() if step in node.value:
                index = [entry.text for entry in node.keys].index(str(step))
                if key and number == len(steps):
                    return node.keys[index]
                node = node.values[index]
            case Sequence() if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            case _:
                return node
    return node
