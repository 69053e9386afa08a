"""The verdicts on calls, written into the triggers' statuses by whichever replica answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.gittrigger import MAX_DELIVERIES, Delivery, GitTrigger
from ebbflow.domain.ports import Cluster
from ebbflow.domain.triggers.ledger import append
from ebbflow.domain.webhooks.store import WebhookStore
from ebbflow.services.gathered import Gathered
from ebbflow.services.status_notes import note_down
from ebbflow.services.triggers.trigger_ledger import TriggerMetrics

GAP: Final = 1.0
"""Seconds between two writes for a trigger; its calls that come meanwhile go into one."""


def call_verdicts(
    cluster: Cluster, store: WebhookStore, metrics: TriggerMetrics
) -> Gathered[Key, Delivery]:
    """Return what takes the verdicts on calls, and counts and records them soon, a few at a time.

    The Runs are there already: what is lost when a process ends is the line about them.
    """

    async def record(key: Key, verdicts: tuple[Delivery, ...]) -> None:
        await note_down(
            lambda: _record(cluster, store, metrics, key, verdicts),
            f"what calls of {key} came to cannot be recorded",
        )

    return Gathered(record, GAP, MAX_DELIVERIES)


async def _record(
    cluster: Cluster,
    store: WebhookStore,
    metrics: TriggerMetrics,
    key: Key,
    verdicts: tuple[Delivery, ...],
) -> None:
    trigger = await cluster.get(GitTrigger, key.namespace, key.name)
    if trigger is None:
        return
    before = trigger.status.deliveries or ()
    after = append(_without_tries(before, verdicts), *verdicts)
    if after == before:
        return
    await store.note_deliveries(trigger, after)
    for one in after:
        if one not in before:
            metrics.trigger_verdict("Webhook", one.verdict, one.reason)


def _without_tries(
    before: Iterable[Delivery], verdicts: Iterable[Delivery]
) -> tuple[Delivery, ...]:
    """Leave out what started nothing when it was first tried, and has started something now."""
    started = {one.id for one in verdicts if one.verdict == "Fired"}
    return tuple(one for one in before if one.verdict == "Fired" or one.id not in started)
