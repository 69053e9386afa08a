"""Texts where Kubernetes wants texts: what becomes of values that expressions put into objects."""

from __future__ import annotations

import base64
import json
from typing import Any, Final, NoReturn

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.domain.expression import ExpressionError, SecretKey
from ebbflow.domain.objects import tainted_texts
from ebbflow.domain.secret import Tainted, revealed
from ebbflow.services.nodes.kind import CannotDo

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

    A document inside of one of ebbflow's own objects stays as it is, and no secret may go there:
    that raises CannotDo.
    """
    if _is_ours(manifest):
        return _ours(manifest)
    fields = next(
        (
            fields
            for (version, kind), fields in _DATA.items()
            if manifest.get("apiVersion") == version and manifest.get("kind") == kind
        ),
        _NOWHERE,
    )
    made = _as_object(_texts(manifest, (), fields))
    return _without_string_data(made) if "stringData" in fields else made


def _is_ours(manifest: JsonObject) -> bool:
    api_version = manifest.get("apiVersion")
    return isinstance(api_version, str) and api_version.startswith(f"{GROUP}/")


def _ours(manifest: JsonObject) -> JsonObject:
    if tainted_texts(manifest):
        raise CannotDo(
            f"a secret would be readable in the {manifest.get('kind')}: "
            "use valueFrom, which names the key of the Secret"
        )
    spec = _as_object(manifest.get("spec"))
    if "document" not in spec:
        return _as_object(_texts(manifest, (), _NOWHERE))
    without = {**manifest, "spec": {k: v for k, v in spec.items() if k != "document"}}
    made = _as_object(_texts(without, (), _NOWHERE))
    return {**made, "spec": {**made["spec"], "document": spec["document"]}}


def encoded(value: Any) -> Any:
    """Return a text as a Secret's `data` has it, in base64 and tainted; None stays."""
    text = _text(value)
    if text is None:
        return None
    plain, sources = (
        (text.reveal(), text.sources) if isinstance(text, Tainted) else (text, _NOWHERE)
    )
    return Tainted(base64.b64encode(str(plain).encode()).decode(), sources)


def _as_object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _without_string_data(secret: JsonObject) -> JsonObject:
    """The API server never removes a key of `data` that was applied as `stringData`."""
    given, data = secret.get("stringData"), secret.get("data") or {}
    if not isinstance(given, dict) or not isinstance(data, dict):
        return secret  # the API server says what is wrong with another shape
    rest = {key: value for key, value in secret.items() if key != "stringData"}
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
            raise _misplaced()
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
            raise _misplaced()
        case _:
            secrets = tainted_texts(value)
            text = _json(value)
            sources = _NOWHERE.union(*(secret.sources for secret in secrets))
            return Tainted(text, sources) if secrets else text


def _json(value: Any) -> str:
    """Write a value as JSON, its secrets in the clear: whoever asks taints the text."""
    return json.dumps(
        revealed(value), separators=(",", ":"), ensure_ascii=False, default=_refuse_reference
    )


def _refuse_reference(_value: object) -> NoReturn:
    raise _misplaced()


def _misplaced() -> ExpressionError:
    return ExpressionError(
        "${{secrets…}} can only be the value of an environment variable; "
        "write ${secrets…} to put the secret itself there"
    )
