"""The `context` of a workflow: defaults for the nodes below it."""

from __future__ import annotations

import json
from dataclasses import replace

from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import ExpressionError
from ebbflow.services.nodes.kind import Context

_NAMESPACE = ("namespace", "projectId")  # ours, and Northflank's word for it
_ACCOUNT = "serviceAccountName"


def merged(outer: Context, given: Json, where: str) -> Context:
    """Return the defaults below a workflow: what it gives wins over what is around it.

    `given` is its context, evaluated, `where` the context's field path. Keys that are not known
    stay without effect, as Northflank has more of them. Raises ExpressionError.
    """
    if not isinstance(given, dict):
        raise ExpressionError(f"{where}: must be an object, not {shown(given)}")
    namespace = next(
        (_text(given[key], f"{where}.{key}") for key in _NAMESPACE if key in given), ""
    )
    account = _text(given.get(_ACCOUNT), f"{where}.{_ACCOUNT}")
    return replace(
        outer,
        namespace=namespace or outer.namespace,
        labels={**outer.labels, **_texts(given.get("labels"), f"{where}.labels")},
        annotations={
            **outer.annotations,
            **_texts(given.get("annotations"), f"{where}.annotations"),
        },
        account=account or outer.account,
    )


def _text(value: Json, where: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    raise ExpressionError(f"{where}: must be a text, not {shown(value)}")


def _texts(value: Json, where: str) -> dict[str, str]:
    """Read labels or annotations; numbers and booleans become text as in a Manifest."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ExpressionError(f"{where}: must be an object, not {shown(value)}")
    return {
        key: item if isinstance(item, str) else json.dumps(item, separators=(",", ":"))
        for key, item in value.items()
    }
