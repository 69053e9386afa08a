"""GitTrigger: makes a GitTrigger, or changes it."""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import ConfigDict, Field
from typing_extensions import override

from ebbflow.api.base import API_VERSION, JsonObject
from ebbflow.api.gittrigger import GitTriggerSpec
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result
from ebbflow.services.nodes.objects.applying import Applying, apply_and_wait, plan_objects
from ebbflow.services.nodes.objects.short_form import ObjectName, identified, identified_plan
from ebbflow.services.nodes.spec import NodeSpec

_OUR_OWN: Final = frozenset(("name", "annotations", "wait"))


class GitTriggerNodeSpec(GitTriggerSpec, NodeSpec):
    """The fields of a GitTrigger's spec beside its name."""

    model_config = ConfigDict(extra="forbid", strict=False)

    name: ObjectName = Field(description="The GitTrigger's name.")
    annotations: JsonObject = Field(default={}, description="Annotations of the GitTrigger.")
    wait: bool = Field(default=True, description="Wait until the GitTrigger has looked.")


class GitTriggerNode(NodeKind[GitTriggerNodeSpec]):
    """Applies the GitTrigger in the tenant's name."""

    name: ClassVar[str] = "GitTrigger"
    recalls: ClassVar[bool] = True
    spec = GitTriggerNodeSpec

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    @override
    async def act(self, call: Call[GitTriggerNodeSpec]) -> Result:
        how = Applying(wait=call.spec.wait)
        result = await apply_and_wait(self._objects, self._cel, call, [_manifest(call)], how)
        return identified(result, call.spec.name)

    @override
    async def plan(self, call: Call[GitTriggerNodeSpec]) -> Planned:
        planned = await plan_objects(self._objects, call, [_manifest(call)], Applying())
        return identified_plan(planned, call.spec.name)

    @override
    async def stop(self, call: Call[GitTriggerNodeSpec]) -> None:
        """The GitTrigger stays: a run never deletes what it made."""


def _manifest(call: Call[GitTriggerNodeSpec]) -> JsonObject:
    spec = call.spec
    given = {k: v for k, v in call.raw.items() if k not in _OUR_OWN and v is not None}
    about = {"name": spec.name, "annotations": spec.annotations}
    return {"apiVersion": API_VERSION, "kind": "GitTrigger", "metadata": about, "spec": given}
