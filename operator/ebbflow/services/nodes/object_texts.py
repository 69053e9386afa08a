"""Texts where Kubernetes wants texts: what becomes of values that expressions put into objects."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.expression import ExpressionError, SecretKey
from ebbflow.domain.secret import Tainted

_NOWHERE: Final = frozenset[str]()
_DATA: Final = {
    ("v1", "ConfigMap"): frozenset(("data",)),
    ("v1", "Secret"): frozenset(("data", "stringData")),
}
"""The fields of texts at the root of a kind. Others may hold anything under the same name."""


def with_texts(manifest: JsonObject) -> JsonObject:
    """Return the manifest with texts under data, stringData, labels, annotations and env[].value
    (api: expressions in Manifest), and `${{secrets…}}` as an environment variable's value as a
    secretKeyRef. A Secret's stringData becomes data. Raises ExpressionError.
    """
    fields = next(
        (
            fields
            for (version, kind), fields in _DATA.items()
            if manifest.get("apiVersion") == version and manifest.get("kind") == kind
        ),
        _NOWHERE,
    )
    made: JsonObject = _texts(manifest, (), fields)
    return _without_string_data(made) if "stringData" in fields else made


def encoded(value: Any) -> Any:
    """Return a text as a Secret's `data` has it, in base64 and tainted; None stays."""
    text = _text(value)
    if text is None:
        return None
    plain, sources = (
        (text.reveal(), text.sources) if isinstance(text, Tainted) else (text, _NOWHERE)
    )
    return Tainted(base64.b64encode(str(plain).encode()).decode(), sources)


def _without_string_data(secret: JsonObject) -> JsonObject:
    """The API server never removes a key of `data` that was applied as `stringData`."""
    given = secret.get("stringData")
    if not isinstance(given, dict):
        return secret
    rest = {key: value for key, value in secret.items() if key != "stringData"}
    data = rest.get("data") or {}
    return {**rest, "data": {**data, **{key: encoded(value) for key, value in given.items()}}}


def _texts(value: Any, path: tuple[str, ...], fields: frozenset[str]) -> Any:
    match value:
        case dict() if _is_variable(value, path):
            return _variable(value)
        case dict() if _holds_texts(path, fields):
            return {key: _text(item) for key, item in value.items()}
        case dict():
            return {key: _texts(item, (*path, key), fields) for key, item in value.items()}
        case list():
            return [_texts(item, path, fields) for item in value]
        case SecretKey():
            raise ExpressionError(
                "${{secrets…}} can only be the value of an environment variable; "
                "write ${secrets…} to put the secret itself there"
            )
        case _:
            return value


def _holds_texts(path: tuple[str, ...], fields: frozenset[str]) -> bool:
    """Tell whether the values of the object at a path must be texts."""
    if len(path) == 1:
        return path[0] in fields
    return len(path) > 1 and path[-2] == "metadata" and path[-1] in ("labels", "annotations")


def _is_variable(value: JsonObject, path: tuple[str, ...]) -> bool:
    return bool(path) and path[-1] == "env" and "name" in value and "value" in value


def _variable(value: JsonObject) -> JsonObject:
    given = value["value"]
    if not isinstance(given, SecretKey):
        return {**value, "value": _text(given)}
    rest = {key: item for key, item in value.items() if key != "value"}
    reference = {"name": given.secret, "key": given.key}
    return {**rest, "valueFrom": {"secretKeyRef": reference}}


def _text(value: Any) -> Any:
    match value:
        case str() | None:
            return value
        case Tainted():
            inner = value.reveal()
            return value if isinstance(inner, str) else Tainted(_json(inner), value.sources)
        case SecretKey():
            return _texts(value, (), _NOWHERE)
        case _:
            return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
