"""What keeps a mistake in a document from deleting nearly everything that runs made. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ebbflow.api.base import GROUP
from ebbflow.domain.inventory import Entry, Inventory
from ebbflow.domain.objects import ObjectId

PRUNE_ALL: Final = f"{GROUP}/prune-all"
"""Annotation on a source: `enabled` lets runs prune as much as left the document."""

FREE: Final = 10
"""So few objects are pruned whatever share of all they are."""

MOST_PERCENT: Final = 50
"""More than this share of all that runs made is not pruned at once."""


def too_much(
    leaving: Collection[Entry], inventory: Inventory, wanted: Collection[ObjectId]
) -> str | None:
    """Return why so many objects are not deleted at once; None if they may be.

    `inventory` is all that runs made so far, `wanted` what the document names now.
    """
    if not leaving:
        return None
    if not wanted:
        return f"the document names no object any more, but {len(inventory)} were made"
    if len(leaving) > FREE and len(leaving) * 100 > len(inventory) * MOST_PERCENT:
        return f"{len(leaving)} of the {len(inventory)} objects that were made left the document"
    return None
