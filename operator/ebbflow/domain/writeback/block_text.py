"""New objects, arrays and scalars in YAML's block style."""

from __future__ import annotations

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.writeback.order import ordered
from ebbflow.domain.writeback.style import Style
from ebbflow.domain.writeback.yaml_text import key_text, literal, scalar_text


def inline_text(value: Json, column: int, style: Style) -> tuple[str, list[str]]:
    """Write a scalar or an empty collection behind a key or dash at `column`.

    Returns what stands on that line, and the lines that follow (of a string of several lines).
    """
    match value:
        case dict() | list() if not value:
            return ("{}" if isinstance(value, dict) else "[]"), []
        case str():
            block = literal(value, column + style.step, column) if style.literal else None
            return block or (scalar_text(value, flow=False, quote=style.quote), [])
        case _:
            return scalar_text(value, flow=False, quote=style.quote), []


def block_lines(
    value: dict[str, Json] | list[Json], column: int, style: Style, *, document: bool = False
) -> list[str]:
    """Write a collection that is not empty, each line with its indentation."""
    if isinstance(value, list):
        return [line for item in value for line in item_lines(item, column, style)]
    return [
        line
        for key in ordered(value, document=document)
        for line in entry_lines(key, value[key], column, style)
    ]


def entry_lines(key: str, value: Json, column: int, style: Style) -> list[str]:
    """Write one key with its value."""
    start = " " * column + key_text(key, flow=False, quote=style.quote) + ":"
    if isinstance(value, dict | list) and value:
        deeper = style.step if isinstance(value, dict) else style.dash
        return [start, *block_lines(value, column + deeper, style)]
    head, tail = inline_text(value, column, style)
    return [f"{start} {head}", *tail]


def item_lines(value: Json, column: int, style: Style) -> list[str]:
    """Write one item of a list, its dash at `column`."""
    start = " " * column + "- "
    if isinstance(value, dict | list) and value:
        first, *rest = block_lines(value, column + 2, style)
        return [start + first.lstrip(" "), *rest]
    head, tail = inline_text(value, column, style)
    return [start + head, *tail]
