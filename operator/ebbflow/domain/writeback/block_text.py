"""New objects, arrays and scalars in YAML's block style, written like what stands beside them."""

from __future__ import annotations

from ebbflow.domain.document.syntax import Json, Mapping, Node, Scalar, Sequence
from ebbflow.domain.writeback.flow_text import FlowStyle
from ebbflow.domain.writeback.order import ordered
from ebbflow.domain.writeback.style import Style
from ebbflow.domain.writeback.yaml_text import key_text, literal, quoted, scalar_text

_DASH = 2


def inline_text(
    value: Json, column: int, style: Style, like: Node | None = None
) -> tuple[str, list[str]]:
    """Write a scalar or an empty collection behind a key or dash at `column`.

    Returns what stands on that line, and the lines that follow (of a string of several lines).
    """
    match value:
        case dict() | list() if not value:
            return ("{}" if isinstance(value, dict) else "[]"), []
        case str():
            block = literal(value, column + style.step, column) if style.literal else None
            if block is None and isinstance(like, Scalar) and like.style in ("'", '"'):
                return quoted(value, like.style), []
            return block or (scalar_text(value, flow=False, quote=style.quote), [])
        case _:
            return scalar_text(value, flow=False, quote=style.quote), []


def block_lines(
    value: dict[str, Json] | list[Json],
    column: int,
    style: Style,
    *,
    like: Node | None = None,
    document: bool = False,
) -> list[str]:
    """Write a collection that is not empty, each line with its indentation.

    `like` is a similar one of the file: the order of its keys, its quotes and brackets are
    followed. `document`: the collection is the document itself.
    """
    if isinstance(value, list):
        sibling = like.items[-1] if isinstance(like, Sequence) and like.items else None
        return [line for item in value for line in item_lines(item, column, style, like=sibling)]
    keys = ordered(value, document=document)
    siblings: dict[str, Node] = {}
    if isinstance(like, Mapping):
        siblings = {key.text: node for key, node in zip(like.keys, like.values, strict=True)}
        places = {key: place for place, key in enumerate(siblings)}
        keys.sort(key=lambda key: places.get(key, len(places)))
    return [
        line
        for key in keys
        for line in entry_lines(key, value[key], column, style, like=siblings.get(key))
    ]


def entry_lines(
    key: str, value: Json, column: int, style: Style, *, like: Node | None = None
) -> list[str]:
    """Write one key with its value."""
    start = " " * column + key_text(key, flow=False, quote=style.quote) + ":"
    if isinstance(value, dict | list) and value:
        if _is_flow(like):
            return [f"{start} {_flow_text(value, style, like)}"]
        deeper = style.step if isinstance(value, dict) else style.dash
        return [start, *block_lines(value, column + deeper, style, like=like)]
    head, tail = inline_text(value, column, style, like)
    return [f"{start} {head}", *tail]


def item_lines(
    value: Json, column: int, style: Style, *, like: Node | None = None, gap: int = _DASH
) -> list[str]:
    """Write one item of a list, its dash at `column`, what follows `gap` columns further."""
    start = " " * column + "-".ljust(gap)
    if isinstance(value, dict | list) and value:
        if _is_flow(like):
            return [start + _flow_text(value, style, like)]
        first, *rest = block_lines(value, column + gap, style, like=like)
        return [start + first.lstrip(" "), *rest]
    head, tail = inline_text(value, column, style, like)
    return [start + head, *tail]


def _is_flow(node: Node | None) -> bool:
    """Tell whether a node of the file is a collection between brackets that is not empty."""
    return isinstance(node, Mapping | Sequence) and node.flow and bool(node.value)


def _flow_text(value: Json, style: Style, like: Node | None) -> str:
    quote = common_quote(like)
    flow = FlowStyle(yaml=True, quote=quote or style.quote, always_quote=quote is not None)
    return flow.text(value)


def common_quote(node: Node | None) -> str | None:
    """Return the quotes that every string of a collection has; None where some have none."""
    quotes: set[str] = set()
    stack = [] if node is None else [node]
    while stack:
        inner = stack.pop()
        if isinstance(inner, Mapping):
            stack += inner.values
        elif isinstance(inner, Sequence):
            stack += inner.items
        elif isinstance(inner.value, str):
            quotes.add(inner.style)
    return quotes.pop() if quotes in ({"'"}, {'"'}) else None


def quoted_sibling(node: Mapping) -> Scalar | None:
    """Return a string in quotes if all strings among an object's own values are in quotes."""
    strings = [
        value for value in node.values if isinstance(value, Scalar) and isinstance(value.value, str)
    ]
    return strings[-1] if strings and all(value.style in ("'", '"') for value in strings) else None
