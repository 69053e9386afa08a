"""Notes in statuses that nobody waits for: tried a few times, then given up with a warning."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ebbflow.domain.ports import ClusterError, InvalidObject, StaleWrite

TRIES: Final = 5
"""How often others may write first."""

log = logging.getLogger(__name__)


async def note_down(write: Callable[[], Awaitable[None]], failure: str) -> None:
    """Let `write` read an object, decide and write it; anew while others write first.

    What the API server says is not raised: `failure` says in the log what cannot be noted.
    """
    trouble: Exception | None = None
    for _ in range(TRIES):
        try:
            await write()
        except StaleWrite as error:
            trouble = error
        except (ClusterError, InvalidObject) as error:
            trouble = error
            break
        else:
            return
    log.warning("%s: %s", failure, trouble)
