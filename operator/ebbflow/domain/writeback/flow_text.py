"""New values in flow style: JSON, and YAML between brackets."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.writeback.order import ordered
from ebbflow.domain.writeback.yaml_text import key_text, quoted, scalar_text


@dataclass(frozen=True, slots=True)
class FlowStyle:
    """How JSON, or YAML between brackets, is written in this file."""

    yaml: bool
    unit: str = "  "
    colon: str = ": "
    comma: str = ", "
    quote: str = '"'
    newline: str = "\n"
    always_quote: bool = False

    def key(self, key: str) -> str:
        """Write a key."""
        if self.yaml:
            return key_text(key, flow=True, quote=self.quote)
        return json.dumps(key, ensure_ascii=False)

    def scalar(self, value: Json) -> str:
        """Write a scalar."""
        if self.yaml and self.always_quote and isinstance(value, str):
            return quoted(value, self.quote)
        if self.yaml:
            return scalar_text(value, flow=True, quote=self.quote)
        return json.dumps(value, ensure_ascii=False)

    def text(self, value: Json, indent: str | None = None) -> str:
        """Write any value: on one line, or with `indent` (that of the line it begins on) on many."""
        match value:
            case dict() | list() if not value:
                return "{}" if isinstance(value, dict) else "[]"
            case dict():
                below = None if indent is None else indent + self.unit
                members = [
                    self.key(key) + self.colon + self.text(value[key], below)
                    for key in ordered(value)
                ]
                return self._enclose("{", members, "}", indent)
            case list():
                below = None if indent is None else indent + self.unit
                return self._enclose("[", [self.text(item, below) for item in value], "]", indent)
            case _:
                return self.scalar(value)

    def _enclose(self, opening: str, members: list[str], closing: str, indent: str | None) -> str:
        if indent is None:
            return opening + self.comma.join(members) + closing
        start = self.newline + indent + self.unit
        return opening + start + ("," + start).join(members) + self.newline + indent + closing
