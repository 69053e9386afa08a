"""Applying objects and waiting until they are healthy: what Manifest and the short forms share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.api.run import FieldChange, PlannedChange
from ebbflow.domain.cel import CelCompiler, Condition, NoValue
from ebbflow.domain.expression import ExpressionError, SecretKey
from ebbflow.domain.health import Current, Health, InProgress, Terminating, health
from ebbflow.domain.health import Failed as Unhealthy
from ebbflow.domain.inventory import apply_order
from ebbflow.domain.objects import (
    OWNER_LABEL,
    ObjectId,
    Objects,
    field_manager,
    owner_mark,
    tainted_texts,
    tainted_where_known,
)
from ebbflow.domain.plan import plan_object
from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.kind import Call, Failed, Planned, Result, Succeeded, Working

SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Applying:
    """How objects are applied. `until`: CEL over `object`, instead of the usual health."""

    wait: bool = True
    until: str | None = None
    force: bool = True


async def apply_and_wait(
    objects: Objects,
    cel: CelCompiler,
    call: Call[Any],
    manifests: Iterable[JsonObject],
    how: Applying,
) -> Result:
    """Apply the manifests if the attempt is fresh, and see how the objects stand.

    Raises ObjectError, ExpressionError for what cannot be in an object.
    """
    wished = prepared(call, manifests)
    condition = cel.compile(how.until, ("object",)) if how.until else None
    account = call.run.account
    live: list[JsonObject] = []
    for manifest in wished:
        target = ObjectId.of(manifest, call.context.namespace)
        found: JsonObject | None = None
        if not call.fresh:
            found = await objects.get(target, account)
        if found is None:
            # Fresh, or somebody removed it while the node waits for it.
            found = await objects.apply(
                manifest, account, manager=field_manager(call.run.source), force=how.force
            )
        live.append(tainted_where_known(found, tainted_texts(manifest)))
    return _judged(live, how, condition)


async def plan_objects(
    objects: Objects, call: Call[Any], manifests: Iterable[JsonObject], how: Applying
) -> Planned:
    """Say what applying the manifests would change, by server-side dry runs."""
    changes: list[PlannedChange] = []
    results: list[JsonObject] = []
    for manifest in prepared(call, manifests):
        target = ObjectId.of(manifest, call.context.namespace)
        account = call.run.account
        before = await objects.get(target, account)
        after = await objects.apply(
            manifest,
            account,
            manager=field_manager(call.run.source),
            force=how.force,
            dry_run=True,
        )
        known = tainted_texts(manifest)
        after = tainted_where_known(after, known)
        plan = plan_object(before and tainted_where_known(before, known), after)
        changes.append(
            PlannedChange(
                node=call.path,
                object=f"{target.api_version} {target.title}",
                action=plan.action,
                fields=tuple(FieldChange.model_validate(f.dump()) for f in plan.fields) or None,
            )
        )
        results.append(after)
    return Planned(tuple(changes), outputs_of(results))


def prepared(call: Call[Any], manifests: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the manifests as they are applied: defaults of the context, our mark, in order.

    Raises NotAnObject and ExpressionError.
    """
    made = [_prepared(call, manifest) for manifest in manifests]
    return sorted(made, key=lambda one: apply_order(ObjectId.of(one, call.context.namespace)))


def outputs_of(live: list[JsonObject]) -> Any:
    """Return what `${refs.…}` reads: the object, or several by `Kind/name`."""
    if len(live) == 1:
        return live[0]
    return {f"{one.get('kind')}/{one['metadata'].get('name')}": one for one in live}


def _prepared(call: Call[Any], manifest: JsonObject) -> JsonObject:
    made: JsonObject = _texts(manifest, ())
    metadata = dict(made.get("metadata") or {})
    mark = {OWNER_LABEL: owner_mark(call.run.source)}
    metadata["labels"] = {**call.context.labels, **(metadata.get("labels") or {}), **mark}
    annotations = {**call.context.annotations, **(metadata.get("annotations") or {})}
    if annotations:
        metadata["annotations"] = annotations
    metadata.setdefault("namespace", call.context.namespace)
    return {**made, "metadata": metadata}


def _texts(value: Any, path: tuple[str, ...]) -> Any:
    """Turn values into text where Kubernetes wants text (api: expressions in Manifest), and
    `${{secrets…}}` as an environment variable's value into a secretKeyRef.
    """
    match value:
        case dict() if _is_variable(value, path):
            return _variable(value)
        case dict() if _holds_texts(path):
            return {key: _text(item) for key, item in value.items()}
        case dict():
            return {key: _texts(item, (*path, key)) for key, item in value.items()}
        case list():
            return [_texts(item, path) for item in value]
        case SecretKey():
            raise ExpressionError(
                "${{secrets…}} can only be the value of an environment variable; "
                "write ${secrets…} to put the secret itself there"
            )
        case _:
            return value


def _holds_texts(path: tuple[str, ...]) -> bool:
    """Tell whether the values of the object at a path must be texts."""
    return path in (("data",), ("stringData",)) or (
        len(path) > 1 and path[-2] == "metadata" and path[-1] in ("labels", "annotations")
    )


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
            return _texts(value, ())
        case _:
            return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _judged(live: list[JsonObject], how: Applying, condition: Condition | None) -> Result:
    outputs = outputs_of(live)
    objects = tuple(live)
    if not how.wait:
        return Succeeded(outputs, applied=objects)
    verdicts = [(one, _health(one, condition)) for one in live]
    bad = [_said(one, verdict) for one, verdict in verdicts if isinstance(verdict, Unhealthy)]
    if bad:
        return Failed(_some(bad))
    waits = [
        _said(one, verdict)
        for one, verdict in verdicts
        if isinstance(verdict, InProgress | Terminating)
    ]
    if not waits:
        return Succeeded(outputs, applied=objects)
    follow = tuple(ObjectId.of(one) for one, v in verdicts if not isinstance(v, Current))
    return Working(_some(waits), follow=follow, outputs=outputs, applied=objects)


def _health(live: JsonObject, condition: Condition | None) -> Health:
    if condition is None:
        return health(live)
    try:
        holds = condition.holds({"object": live})
    except NoValue as error:
        return InProgress(f"until: {error}")
    return Current() if holds else InProgress(f"until {condition.source!r} is true")


def _said(live: JsonObject, verdict: Unhealthy | InProgress | Terminating) -> str:
    return f"{ObjectId.of(live).title}: {verdict.message}"


def _some(messages: list[str]) -> str:
    more = len(messages) - SHOWN
    return "; ".join(messages[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
