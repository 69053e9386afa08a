"""The first touch: an object of which nothing was said yet says at once that it is worked on."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from ebbflow.api.base import Resource
from ebbflow.api.reasons import Reason
from ebbflow.domain.outcome import Report, Waiting
from ebbflow.domain.ports import Cluster, StatusWriter

R = TypeVar("R", bound=Resource)


async def touched(found: R, words: str, status: StatusWriter, cluster: Cluster) -> R | None:
    """Return an object that was read, with conditions; None if it is gone meanwhile.

    One that has none is told in these `words` what is under way. Raises ClusterError, and
    InvalidObject if it had to be read again and does not fit.
    """
    if found.status.conditions:
        return found
    # To kstatus an object without conditions is finished: say at once that this one is not.
    stored = await status.write(Report(found, Waiting(Reason.PROGRESSING, words, timedelta(0))))
    if isinstance(stored, type(found)):
        return stored
    return await cluster.get(type(found), found.metadata.namespace, found.metadata.name)
