"""Delay: waits."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field, field_validator
from typing_extensions import override

from ebbflow.api.base import format_duration, parse_duration
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result, Succeeded, Working
from ebbflow.services.nodes.spec import NodeSpec

LONGEST = timedelta(days=30)


class DelaySpec(NodeSpec):
    """How long."""

    duration: str = Field(description="How long to wait, such as 30s or 5m.")

    @field_validator("duration")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        if not timedelta() <= parse_duration(value) <= LONGEST:
            raise ValueError(f"must be at most {format_duration(LONGEST)}")
        return value


class Delay(NodeKind[DelaySpec]):
    """The time is counted from the beginning of the attempt, over restarts too."""

    name: ClassVar[str] = "Delay"
    recalls: ClassVar[bool] = False
    only_waits: ClassVar[bool] = True
    spec = DelaySpec

    @override
    async def act(self, call: Call[DelaySpec]) -> Result:
        left = call.attempt_at + parse_duration(call.spec.duration) - call.now
        if left <= timedelta():
            return Succeeded()
        return Working(f"waits for {call.spec.duration}", after=left, waiting=True)

    @override
    async def plan(self, call: Call[DelaySpec]) -> Planned:
        return Planned()

    @override
    async def stop(self, call: Call[DelaySpec]) -> None:
        """Nothing goes on by itself."""
