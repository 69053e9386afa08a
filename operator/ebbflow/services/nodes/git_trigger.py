"""GitTrigger: makes a GitTrigger, or changes it."""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import ConfigDict, Field
from typing_extensions import override

from ebbflow.api.base import API_VERSION, JsonObject
from ebbflow.api.gittrigger import GitTriggerSpec
from ebbflow.services.nodes.kind import Call
from ebbflow.services.nodes.objects.applying import Applying
from ebbflow.services.nodes.objects.one_object import OneObject
from ebbflow.services.nodes.objects.short_form import ObjectName
from ebbflow.services.nodes.spec import NodeSpec

_OUR_OWN: Final = frozenset(("name", "annotations", "wait"))


class GitTriggerNodeSpec(GitTriggerSpec, NodeSpec):
    """The fields of a GitTrigger's spec beside its name."""

    model_config = ConfigDict(extra="forbid", strict=False)

    name: ObjectName = Field(description="The GitTrigger's name.")
    annotations: JsonObject = Field(default={}, description="Annotations of the GitTrigger.")
    wait: bool = Field(default=True, description="Wait until the GitTrigger has looked.")


class GitTriggerNode(OneObject[GitTriggerNodeSpec]):
    """Applies the GitTrigger in the tenant's name."""

    name: ClassVar[str] = "GitTrigger"
    spec = GitTriggerNodeSpec

    @override
    def manifest(self, call: Call[GitTriggerNodeSpec]) -> JsonObject:
        spec = call.spec
        given = {k: v for k, v in call.raw.items() if k not in _OUR_OWN and v is not None}
        about = {"name": spec.name, "annotations": spec.annotations}
        return {"apiVersion": API_VERSION, "kind": "GitTrigger", "metadata": about, "spec": given}

    @override
    def how(self, spec: GitTriggerNodeSpec) -> Applying:
        return Applying(wait=spec.wait)
