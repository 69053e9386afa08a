"""A file's document, and the checks of one that came from the cluster."""

from __future__ import annotations

import json
import re

from ebbflow.domain.document.invalid import InvalidDocument
from ebbflow.domain.document.json_reader import read_json
from ebbflow.domain.document.limits import MAX_BYTES, MAX_NODES
from ebbflow.domain.document.normal import normalise
from ebbflow.domain.document.path import path_of
from ebbflow.domain.document.source import Source, decode
from ebbflow.domain.document.structure import Misfit, check_structure
from ebbflow.domain.document.syntax import Json, Mapping, node_at
from ebbflow.domain.document.yaml_reader import read_yaml

_UNFIT = re.compile("[\0\ud800-\udfff]")
_MOST_BYTES_A_BYTE = 4  # a line `a:` is three bytes of YAML and nine of JSON


class ParsedDocument:
    """A document as read from a file: its value, and where each field of it stands."""

    def __init__(self, source: Source, root: Mapping, *, yaml: bool) -> None:
        self.source = source
        self.root = root
        self.yaml = yaml

    @property
    def value(self) -> dict[str, Json]:
        """The document: objects, arrays, strings, numbers, booleans and nulls."""
        return self.root.value


def is_yaml(path: str) -> bool:
    """Tell a file's format by the ending of its name: .yaml and .yml are YAML, all else JSON."""
    return path.lower().endswith((".yaml", ".yml"))


def parse(data: bytes, path: str) -> ParsedDocument:
    """Read a file and check that it is a valid document.

    Raises InvalidDocument with line, column and, for faults of structure, the field path.
    """
    parsed = read(data, path)
    try:
        check_structure(parsed.value)
    except Misfit as misfit:
        node = node_at(parsed.root, misfit.steps, key=misfit.at_key)
        raise parsed.source.fault(misfit.message, node.start, path_of(misfit.steps)) from None
    if len(data) * _MOST_BYTES_A_BYTE > MAX_BYTES:
        _check_size(normalise(parsed.value))
    return parsed


def read(data: bytes, path: str) -> ParsedDocument:
    """Read a file whose text must be sound and an object; its structure is not looked at.

    Raises InvalidDocument with line and column.
    """
    source = decode(data)
    yaml = is_yaml(path)
    root = read_yaml(source) if yaml else read_json(source)
    if not isinstance(root, Mapping):
        raise source.fault("a document is an object, such as apiVersion: v1.2", root.start)
    return ParsedDocument(source, root, yaml=yaml)


def validate(value: Json) -> None:
    """Check a document that came from the cluster by the same rules as a file.

    Raises InvalidDocument with the field path.
    """
    normal = normalise(value)
    _check_strings(normal)
    _check_size(normal)
    try:
        check_structure(normal)
    except Misfit as misfit:
        raise InvalidDocument(misfit.message, path=path_of(misfit.steps)) from None


def _check_size(normal: Json) -> None:
    size = len(json.dumps(normal, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_BYTES:
        raise InvalidDocument(
            f"the document has {size} bytes as JSON; it may have {MAX_BYTES} (512 KiB)"
        )


def _check_strings(normal: Json) -> None:
    """Count the values, and refuse strings that no file could hold."""
    count = 0
    stack: list[tuple[str, Json]] = [("", normal)]
    while stack:
        name, value = stack.pop()
        count += 1
        if count > MAX_NODES:
            raise InvalidDocument(f"more than {MAX_NODES} values in one document")
        if isinstance(value, str):
            _check_string(value, name)
        elif isinstance(value, dict):
            count += len(value)
            for key in value:
                _check_string(key, name)
            stack.extend(value.items())
        elif isinstance(value, list):
            stack.extend((name, item) for item in value)


def _check_string(text: str, key: str) -> None:
    if not text.isascii() or "\0" in text:
        found = _UNFIT.search(text)
        if found:
            what = "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
            raise InvalidDocument(f"a string holds {what}", path=key or None)
