"""How a YAML file is written, so that what is added looks like what is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ebbflow.domain.document.syntax import Mapping, Node, Scalar, Sequence
from ebbflow.domain.writeback.layout import Layout


@dataclass(frozen=True, slots=True)
class Style:
    """`step`: columns an object is indented by; `dash`: columns the dashes of a list below a key
    are; `quote`: the quotes that are used; `literal`: strings of several lines as block scalars.
    """

    step: int = 2
    dash: int = 2
    quote: str = '"'
    literal: bool = True


def style_of(root: Node, layout: Layout) -> Style:
    """Return what most of the file does; for a file that shows nothing, the defaults."""
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    quotes: Counter[str] = Counter()
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        match node:
            case Scalar():
                quotes[node.style] += 1
            case Mapping():
                stack += node.keys
                stack += node.values
                if not node.flow:
                    _measure(node, layout, steps, dashes)
            case Sequence():
                stack += node.items
    step = _commonest(steps, 2)
    quote = "'" if quotes["'"] > quotes['"'] else '"'
    return Style(step, _commonest(dashes, step), quote)


def _measure(node: Mapping, layout: Layout, steps: Counter[int], dashes: Counter[int]) -> None:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(value, Scalar) or value.flow or value.tag is not None:
            continue
        deeper = layout.column(value.start) - layout.column(key.start)
        if isinstance(value, Sequence):
            dashes[deeper] += 1
        else:
            steps[deeper] += 1


def _commonest(counts: Counter[int], default: int) -> int:
    sound = Counter({width: count for width, count in counts.items() if width >= 0})
    return sound.most_common(1)[0][0] if sound else default
