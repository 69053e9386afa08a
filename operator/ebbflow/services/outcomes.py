"""Outcomes that passes over objects of any kind can come to."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ebbflow.api.reasons import Reason
from ebbflow.domain.git import GitError
from ebbflow.domain.outcome import Done, Stalled, Waiting

SUSPENDED: Final = Done(Reason.SUSPENDED, "Suspended: set spec.suspend to false to go on")
"""Nothing is done about the object."""

UNREACHABLE_RETRY: Final = timedelta(seconds=10)


def git_failed(
    error: GitError, interval: timedelta, soonest: timedelta = UNREACHABLE_RETRY
) -> Waiting | Stalled:
    """Return what it means that Git, or its provider, could not be asked or refused.

    `interval`: how often the object is looked at anyway; `soonest`: how soon to try again what may
    help by itself, where the server does not say.
    """
    if error.transient:
        return Waiting(error.reason, str(error), error.retry_after or min(interval, soonest))
    return Stalled(error.reason, str(error), interval)
