"""The verdicts on calls, written into the triggers' statuses by whichever replica answered."""

from __future__ import annotations

from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.gittrigger import MAX_DELIVERIES, Delivery, GitTrigger
from ebbflow.domain.ports import Cluster
from ebbflow.domain.triggers.ledger import append
from ebbflow.domain.webhooks.store import WebhookStore
from ebbflow.services.gathered import Gathered
from ebbflow.services.status_notes import note_down

GAP: Final = 1.0
"""Seconds between two writes for a trigger; its calls that come meanwhile go into one."""


def call_verdicts(cluster: Cluster, store: WebhookStore) -> Gathered[Key, Delivery]:
    """Return what takes the verdicts on calls, and records them soon, a few at a time.

    The Runs are there already: what is lost when a process ends is the line about them.
    """

    async def record(key: Key, verdicts: tuple[Delivery, ...]) -> None:
        await note_down(
            lambda: _record(cluster, store, key, verdicts),
            f"what calls of {key} came to cannot be recorded",
        )

    return Gathered(record, GAP, MAX_DELIVERIES)


async def _record(
    cluster: Cluster, store: WebhookStore, key: Key, verdicts: tuple[Delivery, ...]
) -> None:
    trigger = await cluster.get(GitTrigger, key.namespace, key.name)
    if trigger is None:
        return
    before = trigger.status.deliveries or ()
    after = append(before, *verdicts)
    if after != before:
        await store.note_deliveries(trigger, after)
