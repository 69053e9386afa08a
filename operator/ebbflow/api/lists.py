"""Lists whose items differ: what the API server refuses as a duplicate, the model refuses too."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

T = TypeVar("T")


def _first_duplicate(keys: Iterable[Hashable]) -> Hashable | None:
    seen: set[Hashable] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None


@dataclass(frozen=True, slots=True)
class Distinct:
    """Metadata of a list: its items differ, or with `by` the values of those fields.

    The fields are named as on the wire, and by the same word in the model.
    """

    by: str | tuple[str, ...] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The fields that tell the items apart; none: the items themselves."""
        if self.by is None:
            return ()
        return (self.by,) if isinstance(self.by, str) else self.by

    def check(self, items: tuple[T, ...]) -> tuple[T, ...]:
        """Return the items; raises PydanticCustomError if two are the same."""
        named = self.keys
        seen = (tuple(getattr(item, key) for key in named) for item in items) if named else items
        if _first_duplicate(seen) is not None:
            raise PydanticCustomError("duplicate", "Duplicate value: every entry may occur once")
        return items

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check after the items themselves."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say so in the way of structural schemas."""
        out = handler(schema)
        out["x-kubernetes-list-type"] = "map" if self.keys else "set"
        if self.keys:
            out["x-kubernetes-list-map-keys"] = list(self.keys)
        return out
