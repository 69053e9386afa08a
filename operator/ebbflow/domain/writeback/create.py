"""The text of a new file."""

from __future__ import annotations

from ebbflow.domain.document import is_yaml, normalise, read
from ebbflow.domain.document.normal import identical
from ebbflow.domain.document.source import Source
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.writeback.block_text import block_lines
from ebbflow.domain.writeback.editor import encoded
from ebbflow.domain.writeback.flow_text import FlowStyle
from ebbflow.domain.writeback.order import ordered
from ebbflow.domain.writeback.refusal import CannotEdit
from ebbflow.domain.writeback.style import Style


def create(document: dict[str, Json], path: str) -> bytes:
    """Write a document as a new file: YAML in block style, or JSON indented by two spaces.

    Keys stand in their canonical order. Raises CannotEdit if the text would not be read as the
    document, and InvalidDocument if the document is no JSON or too large for a file.
    """
    value = normalise(document)
    if is_yaml(path):
        lines = block_lines(value, 0, Style(), document=True) if value else ["{}"]
        text = "\n".join((*lines, ""))
    else:
        top = {key: value[key] for key in ordered(value, document=True)}
        text = _json(top) + "\n"
    data = encoded(Source(text, bom=False), text)
    if not identical(normalise(read(data, path).value), value):
        raise CannotEdit("the text would be read differently")
    return data


def _json(value: dict[str, Json]) -> str:
    style = FlowStyle(yaml=False)
    members = [f"  {style.key(key)}: {style.text(item, '  ')}" for key, item in value.items()]
    return "{\n" + ",\n".join(members) + "\n}" if members else "{}"
