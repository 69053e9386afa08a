"""What a worker would get from a work queue."""

from __future__ import annotations

import asyncio

from ebbflow.api.base import Key
from ebbflow.handlers.workqueue import WorkQueue


async def taken(queue: WorkQueue) -> Key | None:
    """Return the next key, or None if a worker would have to wait."""
    try:
        async with asyncio.timeout(0):
            return await queue.take()
    except TimeoutError:
        return None
