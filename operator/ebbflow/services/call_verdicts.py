"""The verdicts on calls of keyed triggers, written into their statuses by whichever replica had them."""

from __future__ import annotations

import logging
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.gittrigger import MAX_DELIVERIES, Delivery, GitTrigger
from ebbflow.domain.ports import Cluster, ClusterError, InvalidObject, StaleWrite
from ebbflow.domain.triggers.ledger import append
from ebbflow.domain.webhooks.store import WebhookStore
from ebbflow.services.gathered import Gathered

GAP: Final = 1.0
"""Seconds between two writes for a trigger; its calls that come meanwhile go into one."""

TRIES: Final = 5

log = logging.getLogger(__name__)


def call_verdicts(cluster: Cluster, store: WebhookStore) -> Gathered[Key, Delivery]:
    """Return what takes the verdicts on calls, and records them soon, a few at a time.

    The Runs are there already: what is lost when a process ends is the line about them.
    """

    async def record(key: Key, verdicts: tuple[Delivery, ...]) -> None:
        try:
            for _ in range(TRIES):
                if await _recorded(cluster, store, key, verdicts):
                    return
        except (ClusterError, InvalidObject) as error:
            log.warning("what calls of %s came to cannot be recorded: %s", key, error)

    return Gathered(record, GAP, MAX_DELIVERIES)


async def _recorded(
    cluster: Cluster, store: WebhookStore, key: Key, verdicts: tuple[Delivery, ...]
) -> bool:
    trigger = await cluster.get(GitTrigger, key.namespace, key.name)
    if trigger is None:
        return True
    before = trigger.status.deliveries or ()
    after = append(before, *verdicts)
    if after == before:
        return True
    try:
        await store.note_deliveries(trigger, after)
    except StaleWrite:
        return False
    return True
