"""The ledger of verdicts in a trigger's status: the newest few, each once. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ebbflow.api.gittrigger import MAX_DELIVERIES, Delivery
from ebbflow.api.reasons import Reason

MAX_UNFOLLOWED: Final = 5
"""Verdicts on what a trigger does not follow: a busy repository must not push out all others."""

_UNFOLLOWED: Final = frozenset({Reason.BRANCH_NOT_MATCHED.value, Reason.TAG_NOT_MATCHED.value})


def append(deliveries: Iterable[Delivery], *new: Delivery) -> tuple[Delivery, ...]:
    """Return the verdicts with the new ones (oldest of them first) in front, newest first.

    One id has one verdict on each ref: what is said again of it is left out, so that a delivery
    that is repeated changes nothing. At most MAX_DELIVERIES are kept, MAX_UNFOLLOWED of them on what
    the trigger does not follow.
    """
    kept = list(deliveries)
    known = {(delivery.id, delivery.ref) for delivery in kept}
    for delivery in new:
        if (delivery.id, delivery.ref) not in known:
            known.add((delivery.id, delivery.ref))
            kept.insert(0, delivery)
    unfollowed = [delivery for delivery in kept if delivery.reason in _UNFOLLOWED]
    left_out = {(one.id, one.ref) for one in unfollowed[MAX_UNFOLLOWED:]}
    return tuple([one for one in kept if (one.id, one.ref) not in left_out][:MAX_DELIVERIES])
