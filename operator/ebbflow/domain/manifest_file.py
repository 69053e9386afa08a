"""The Kubernetes objects in a file: YAML documents, or one value of JSON. Pure."""

from __future__ import annotations

from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.document.invalid import InvalidDocument
from ebbflow.domain.document.json_reader import read_json
from ebbflow.domain.document.parsed import is_yaml
from ebbflow.domain.document.source import decode
from ebbflow.domain.document.yaml_reader import read_yaml_stream

MOST_OBJECTS: Final = 500


def read_manifests(data: bytes, path: str) -> tuple[JsonObject, ...]:
    """Return the objects of a file, in order; a `List` counts as its items. Texts stay as they are.

    The format goes by the ending of `path`, and the limits are those of documents: 512 KiB, no
    aliases. Raises InvalidDocument with line and column.
    """
    source = decode(data)
    roots = read_yaml_stream(source) if is_yaml(path) else [read_json(source)]
    found: list[JsonObject] = []
    for root in roots:
        if root.value is None:
            continue  # nothing but comments between two separators
        if not isinstance(root.value, dict):
            raise source.fault("a Kubernetes object is expected here", root.start)
        found += _items(root.value)
    if not found:
        raise InvalidDocument("the file holds no object")
    if len(found) > MOST_OBJECTS:
        raise InvalidDocument(f"the file holds {len(found)} objects; at most {MOST_OBJECTS}")
    return tuple(found)


def _items(value: JsonObject) -> list[JsonObject]:
    items: Any = value.get("items")
    if not str(value.get("kind")).endswith("List") or not isinstance(items, list):
        return [value]
    if any(not isinstance(item, dict) for item in items):
        raise InvalidDocument(f"every one of the items of {value.get('kind')} must be an object")
    return items
