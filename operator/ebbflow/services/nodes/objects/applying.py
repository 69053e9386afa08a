"""Applying objects and waiting until they are healthy: what Manifest and the short forms share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.api.run import FieldChange, PlannedChange
from ebbflow.domain.cel import CelCompiler, Condition
from ebbflow.domain.first_few import first_few
from ebbflow.domain.health import Failed as Unhealthy
from ebbflow.domain.health import Health, InProgress, Terminating, health
from ebbflow.domain.inventory import apply_order
from ebbflow.domain.objects import (
    OWNER_LABEL,
    KindMissing,
    NamespaceMissing,
    NotAnObject,
    ObjectId,
    Objects,
    field_manager,
    owner_mark,
    tainted_texts,
    tainted_where_known,
)
from ebbflow.domain.plan import plan_object
from ebbflow.services.nodes.kind import Call, Failed, Planned, Result, Succeeded, Working
from ebbflow.services.nodes.objects.object_texts import with_texts
from ebbflow.services.nodes.objects.pod_trouble import (
    PATIENCE,
    RECHECK,
    has_pods,
    trouble_with_pods,
)
from ebbflow.services.nodes.objects.until import ask_until, compile_until

SHOWN: Final = 3

_CHOSEN: Final = ("uid", "resourceVersion", "generation", "creationTimestamp")
"""Metadata that the API server makes up in a dry run, and anew when the object is made."""


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

    Raises ObjectError; CelError for an `until` that cannot be read; NotAnObject, ExpressionError and
    CannotDo for what cannot be in an object.
    """
    until = compile_until(cel, how.until)
    live: list[JsonObject] = []
    for manifest in prepared(call, manifests):
        found = await _applied(objects, call, manifest, how)
        if found is not None:
            live.append(tainted_where_known(found, tainted_texts(manifest)))
    if not live:
        return Failed("what the node made is not there any more", final=True)
    return await _judged(objects, call, live, how, until)


async def plan_objects(
    objects: Objects, call: Call[Any], manifests: Iterable[JsonObject], how: Applying
) -> Planned:
    """Say what applying the manifests would change, by server-side dry runs.

    Raises ObjectError, NotAnObject, ExpressionError and CannotDo as `apply_and_wait`.
    """
    changes: list[PlannedChange] = []
    results: list[JsonObject] = []
    for manifest in prepared(call, manifests):
        target = ObjectId.of(manifest, call.context.namespace)
        account = call.run.account
        try:
            before = await objects.get(target, account)
            after = await objects.apply(
                manifest,
                account,
                manager=field_manager(call.run.source),
                force=how.force,
                dry_run=True,
            )
        except (KindMissing, NamespaceMissing):
            # An earlier node may be about to make it: then this is all that can be told.
            before, after = None, manifest
        known = tainted_texts(manifest)
        after = tainted_where_known(after, known)
        changes.append(planned_change(call, before and tainted_where_known(before, known), after))
        results.append(to_come(after) if before is None else after)
    return Planned(tuple(changes), outputs_of(results), tuple(results))


def to_come(after: JsonObject) -> JsonObject:
    """Return an object that a dry run made up, without what the API server will choose anew."""
    metadata = {key: value for key, value in after["metadata"].items() if key not in _CHOSEN}
    return {**after, "metadata": metadata}


def planned_change(call: Call[Any], before: JsonObject | None, after: JsonObject) -> PlannedChange:
    """Return what becomes of an object. Their secrets must be tainted."""
    plan = plan_object(before, after)
    target = ObjectId.of(after)
    return PlannedChange(
        node=call.path,
        object=f"{target.api_version} {target.title}",
        action=plan.action,
        fields=tuple(FieldChange.model_validate(f.dump()) for f in plan.fields) or None,
    )


def prepared(call: Call[Any], manifests: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the manifests as they are applied: defaults of the context, our mark, in order.

    Raises NotAnObject, ExpressionError, CannotDo.
    """
    made: dict[ObjectId, JsonObject] = {}
    for manifest in manifests:
        one = _prepared(call, manifest)
        target = ObjectId.of(one, call.context.namespace).any_version
        if target in made:
            # Under one field manager the second would take the fields of the first away.
            raise NotAnObject(f"{target.title} is there twice; give each object once")
        made[target] = one
    return [made[target] for target in sorted(made, key=apply_order)]


def outputs_of(live: list[JsonObject]) -> Any:
    """Return what `${refs.…}` reads: the object, or several by `Kind/name`."""
    if len(live) == 1:
        return live[0]
    return {f"{one.get('kind')}/{one['metadata'].get('name')}": one for one in live}


async def _applied(
    objects: Objects, call: Call[Any], manifest: JsonObject, how: Applying
) -> JsonObject | None:
    """Return the object as it is, applied if it has to be; None only where nothing may be made."""
    account = call.run.account
    if not call.fresh:
        target = ObjectId.of(manifest, call.context.namespace)
        found = await objects.get(target, account)
        if found is not None or call.recalled:
            return found
    # Fresh, or somebody removed it while the node waits for it.
    return await objects.apply(
        manifest, account, manager=field_manager(call.run.source), force=how.force
    )


def _prepared(call: Call[Any], manifest: JsonObject) -> JsonObject:
    made = with_texts(manifest)
    metadata = dict(_object(made, "metadata", "metadata"))
    mark = {OWNER_LABEL: owner_mark(call.run.source)}
    labels = _object(metadata, "labels", "metadata.labels")
    metadata["labels"] = {**call.context.labels, **labels, **mark}
    given = _object(metadata, "annotations", "metadata.annotations")
    annotations = {**call.context.annotations, **given}
    if annotations:
        metadata["annotations"] = annotations
    metadata["namespace"] = metadata.get("namespace") or call.context.namespace
    return {**made, "metadata": metadata}


def _object(holder: JsonObject, key: str, where: str) -> JsonObject:
    value = holder.get(key)
    if value is None or isinstance(value, dict):
        return value or {}
    raise NotAnObject(f"{where} of the manifest must be an object")


async def _judged(
    objects: Objects,
    call: Call[Any],
    live: list[JsonObject],
    how: Applying,
    until: Condition | None,
) -> Result:
    outputs = outputs_of(live)
    if not how.wait:
        return Succeeded(outputs, applied=tuple(live))
    verdicts = [(one, _health(one, until)) for one in live]
    bad = [(one, verdict) for one, verdict in verdicts if isinstance(verdict, Unhealthy)]
    if bad:
        return Failed(await _said(objects, call, bad))
    waits = [
        (one, verdict) for one, verdict in verdicts if isinstance(verdict, InProgress | Terminating)
    ]
    if not waits:
        return Succeeded(outputs, applied=tuple(live))
    return Working(
        await _said(objects, call, waits),
        after=_look_at_pods_in(call, waits),
        follow=tuple(ObjectId.of(one) for one, _ in waits),
        running=all(_runs(one) for one, _ in waits),
        outputs=outputs,
        applied=tuple(live),
    )


def _runs(live: JsonObject) -> bool:
    """Tell whether what is not done yet is at work: a Job with pods under way, a Pod that runs."""
    status = live.get("status") or {}
    return bool(status.get("active")) or status.get("phase") == "Running"


def _look_at_pods_in(
    call: Call[Any], waits: list[tuple[JsonObject, InProgress | Terminating]]
) -> timedelta | None:
    """Trouble with pods does not change the object that made them: look again by the clock."""
    if not any(has_pods(one) for one, _ in waits):
        return None
    return max(PATIENCE - (call.now - call.attempt_at), timedelta()) or RECHECK


def _health(live: JsonObject, until: Condition | None) -> Health:
    usual = health(live)
    return usual if until is None or isinstance(usual, Terminating) else ask_until(until, live)


async def _said(
    objects: Objects,
    call: Call[Any],
    verdicts: list[tuple[JsonObject, InProgress | Terminating]]
    | list[tuple[JsonObject, Unhealthy]],
) -> str:
    """Return what is wrong with the first objects, and with their pods if that takes its time."""
    patient = call.now - call.attempt_at >= PATIENCE
    said = []
    for live, verdict in verdicts[:SHOWN]:
        words = f"{ObjectId.of(live).title}: {verdict.message}"
        if patient or isinstance(verdict, Unhealthy):
            trouble = await trouble_with_pods(objects, live, call.run.account)
            words += f"; {trouble}" if trouble else ""
        said.append(words)
    return first_few(said, len(verdicts))
