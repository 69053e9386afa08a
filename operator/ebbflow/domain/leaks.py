"""Secrets in documents: what an edit must not carry into Git, where everybody reads it for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ebbflow.api.base import JsonObject
from ebbflow.api.text import NO_TOKEN
from ebbflow.domain.document.path import joined

IsSecret = Callable[[str], bool]
"""Tell whether a text holds the value of a Secret that the operator has read."""


def nothing_is_secret(_text: str) -> bool:
    """Know no secret at all."""
    return False


def looks_like_token(text: str) -> bool:
    """Tell whether a text holds what a Git provider's token or a private key looks like."""
    return not NO_TOKEN.allows(text)


def leaked_path(document: JsonObject, file: JsonObject | None, is_secret: IsSecret) -> str | None:
    """Return the path of the first secret that `document` holds and `file` does not; else None.

    What the file holds already is no secret any more, and no edit could take it back.
    """
    published = {text for _, text in _texts("", file or {})}
    for path, text in _texts("", document):
        if text not in published and (looks_like_token(text) or is_secret(text)):
            return path
    return None


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text in a JSON value with its path; keys count as texts of their values' path."""
    match value:
        case str():
            yield path, value
        case dict():
            for key, item in value.items():
                yield joined(path, key), str(key)
                yield from _texts(joined(path, key), item)
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _texts(joined(path, index), item)
        case _:
            pass
