"""Conflicts as a status shows them: both values as text, short, and never a secret."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.api.template import FieldConflict
from ebbflow.domain.leaks import looks_like_token
from ebbflow.domain.merge import ABSENT, MergeConflict

SHOWN_CONFLICTS: Final = 20
SHOWN_VALUE: Final = 256
SHOWN_PATH: Final = 1024

HIDDEN: Final = "(hidden)"

_ARGUMENT = re.compile(r"arguments(?:\.([^.\[]+)|\[\"((?:[^\"\\]|\\.)*)\"\])")


def shown_conflicts(
    conflicts: tuple[MergeConflict, ...], *documents: JsonObject
) -> tuple[FieldConflict, ...]:
    """Return the first conflicts for the status.

    Hidden are the values of arguments that one of the documents calls sensitive, and whatever
    looks like a token or a private key.
    """
    sensitive = frozenset(name for document in documents for name in _sensitive(document))
    return tuple(_shown(conflict, sensitive) for conflict in conflicts[:SHOWN_CONFLICTS])


def _sensitive(document: JsonObject) -> tuple[str, ...]:
    names = document.get("sensitiveArguments")
    return tuple(n for n in names if isinstance(n, str)) if isinstance(names, list) else ()


def _shown(conflict: MergeConflict, sensitive: frozenset[str]) -> FieldConflict:
    hidden = bool(sensitive) and _is_sensitive(conflict.path, sensitive)
    return FieldConflict(
        path=conflict.path[:SHOWN_PATH],
        base=_text(conflict.base, hidden=hidden),
        cluster=_text(conflict.ours, hidden=hidden),
        git=_text(conflict.theirs, hidden=hidden),
    )


def _is_sensitive(path: str, sensitive: frozenset[str]) -> bool:
    if path == "arguments":
        return True
    match = _ARGUMENT.match(path)
    if match is None:
        return False
    plain, quoted = match.groups()
    return (plain if plain is not None else json.loads(f'"{quoted}"')) in sensitive


def _text(value: Any, *, hidden: bool) -> str | None:
    """Scalars as they are, others as compact JSON, at most 256 characters (the API's rule)."""
    if value is ABSENT:
        return None
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if hidden or looks_like_token(text):
        return HIDDEN
    return text if len(text) <= SHOWN_VALUE else text[: SHOWN_VALUE - 1] + "…"
