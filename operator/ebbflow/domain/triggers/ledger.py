"""The ledger of verdicts in a trigger's status: the newest few, each once. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ebbflow.api.gittrigger import MAX_DELIVERIES, Delivery


def append(deliveries: Iterable[Delivery], *new: Delivery) -> tuple[Delivery, ...]:
    """Return the verdicts with the new ones (oldest of them first) in front, newest first.

    One id has one verdict on each ref: what is said again of it is left out, so that a delivery
    that is repeated changes nothing. At most MAX_DELIVERIES are kept.
    """
    kept = list(deliveries)
    known = {(delivery.id, delivery.ref) for delivery in kept}
    for delivery in new:
        if (delivery.id, delivery.ref) not in known:
            known.add((delivery.id, delivery.ref))
            kept.insert(0, delivery)
    return tuple(kept[:MAX_DELIVERIES])
