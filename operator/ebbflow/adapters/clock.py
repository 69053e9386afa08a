"""The machine's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from typing_extensions import override

from ebbflow.domain.ports import Clock


class SystemClock(Clock):
    """Time as the machine tells it."""

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)

    @override
    def monotonic(self) -> float:
        return time.monotonic()
