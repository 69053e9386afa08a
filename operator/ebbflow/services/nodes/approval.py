"""Approval: waits for people who may approve."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from ebbflow.services.nodes.kind import (
    Call,
    Failed,
    NodeKind,
    Planned,
    Result,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.spec import NodeSpec


class ApprovalSpec(NodeSpec):
    """How many people, and who does not count."""

    amount: int = Field(default=1, ge=1, le=20, description="How many different people.")
    message: str | None = Field(default=None, max_length=1024, description="What they approve.")
    exclude_author: bool = Field(
        default=False,
        description="Whoever made the Run, or edited its document, does not count.",
    )


class Approval(NodeKind[ApprovalSpec]):
    """Counts what stands in `spec.approvals` of the Run.

    That a person really is who it says there, and has the verb `approve`, is checked by the
    ValidatingAdmissionPolicy that is shipped with the CRDs when it is written.
    """

    name: ClassVar[str] = "Approval"
    recalls: ClassVar[bool] = False
    only_waits: ClassVar[bool] = True
    spec = ApprovalSpec

    @override
    async def act(self, call: Call[ApprovalSpec]) -> Result:
        spec, run = call.spec, call.run
        said = [one for one in run.approvals if one.node == call.path]
        rejected = next((one for one in said if one.decision == "Reject"), None)
        if rejected is not None:
            why = f": {rejected.message}" if rejected.message else ""
            return Failed(f"rejected by {rejected.user}{why}", final=True)
        left_out = {run.actor, *run.editors} if spec.exclude_author else set()
        people = sorted({one.user for one in said} - left_out)
        if len(people) >= spec.amount:
            return Succeeded({"approvedBy": people}, f"approved by {', '.join(people)}")
        missing = spec.amount - len(people)
        asked = f" for: {spec.message}" if spec.message else ""
        words = (
            f"waits for {missing} more approval{'s' if missing > 1 else ''}{asked}; "
            f"ebbflow approve {run.key.name} --node {call.path} -n {run.key.namespace}"
        )
        return Working(words, waiting=True)

    @override
    async def plan(self, call: Call[ApprovalSpec]) -> Planned:
        return Planned(outputs={"approvedBy": []})

    @override
    async def stop(self, call: Call[ApprovalSpec]) -> None:
        """Nothing goes on by itself."""
