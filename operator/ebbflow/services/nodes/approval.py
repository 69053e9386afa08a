"""Approval: waits for people who may approve."""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import Field
from typing_extensions import override

from ebbflow.api.run_policy import INSTALL_COMMAND
from ebbflow.domain.approvals import ApprovalGuard
from ebbflow.domain.authorship import author_of
from ebbflow.domain.runs.plan import APPROVAL
from ebbflow.services.nodes.kind import (
    Call,
    Failed,
    NodeKind,
    Planned,
    Result,
    Running,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.spec import NodeSpec

UNGUARDED: Final = (
    "approvals cannot be believed: the API server lets anybody approve in the name of another, "
    "because the ValidatingAdmissionPolicy on Runs is not in force here. An admin installs it with "
    f"`{INSTALL_COMMAND}`; then make another Run"
)

MAKER_UNKNOWN: Final = (
    "excludeAuthor: it is not recorded who made this Run, because the operator's admission webhook "
    "did not see it being made; make another Run while the operator is up"
)


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
    admission policy on Runs when it is written. Where that is not in force nobody can be believed,
    and the node fails.
    """

    name: ClassVar[str] = APPROVAL
    recalls: ClassVar[bool] = False
    only_waits: ClassVar[bool] = True
    spec = ApprovalSpec

    def __init__(self, guard: ApprovalGuard) -> None:
        self._guard = guard

    @override
    async def act(self, call: Call[ApprovalSpec]) -> Result:
        spec, run = call.spec, call.run
        if spec.exclude_author and run.maker_unknown:
            return Failed(MAKER_UNKNOWN, final=True)
        tally = count(spec, run, call.path)
        # Asked when the wait begins, so that nobody waits in vain, and when it is about to count.
        asks = call.fresh or not isinstance(tally, Working)
        if asks and not await self._guard.refuses_forgeries(run.key.namespace, run.source.name):
            return Failed(UNGUARDED, final=True)
        return tally

    @override
    async def plan(self, call: Call[ApprovalSpec]) -> Planned:
        return Planned(outputs={"approvedBy": []})

    @override
    async def stop(self, call: Call[ApprovalSpec]) -> None:
        """Nothing goes on by itself."""


def count(spec: ApprovalSpec, run: Running, path: str) -> Result:
    """Return what the approvals of the node at `path` come to: each person counts once."""
    said = [one for one in run.approvals if one.node == path]
    rejected = next((one for one in said if one.decision == "Reject"), None)
    if rejected is not None:
        why = f": {rejected.message}" if rejected.message else ""
        return Failed(f"rejected by {rejected.user}{why}", final=True)
    authors = {run.actor, *run.editors} if spec.exclude_author else set()
    all_people = {one.user for one in said}
    people = sorted(user for user in all_people if not _is_one_of(authors, user))
    if len(people) >= spec.amount:
        return Succeeded({"approvedBy": people}, f"approved by {', '.join(people)}")
    missing = spec.amount - len(people)
    asked = f" for: {spec.message}" if spec.message else ""
    left_out = sorted(all_people - set(people))
    why = f" ({', '.join(left_out)} made the Run or its document and does not count)"
    words = (
        f"waits for {missing} more approval{'s' if missing > 1 else ''}{asked}"
        f"{why if left_out else ''}; "
        f"ebbflow approve {run.key.name} --node {path} -n {run.key.namespace}"
    )
    return Working(words, waiting=True)


def _is_one_of(authors: set[str | None], user: str) -> bool:
    # An edit that is committed is known by the name that the commit has for the user.
    return user in authors or author_of(user).name in authors
