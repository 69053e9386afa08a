"""Project, Namespace: makes a Namespace. The tenant needs a cluster-wide right of its own for it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result
from ebbflow.services.nodes.objects.applying import Applying, apply_and_wait, plan_objects
from ebbflow.services.nodes.objects.short_form import (
    DESCRIPTION,
    LEFT_ASIDE,
    ObjectName,
    identified,
    identified_plan,
)
from ebbflow.services.nodes.spec import NodeSpec


class ProjectSpec(NodeSpec):
    """A Namespace, in Northflank's words."""

    name: ObjectName
    description: str | None = Field(
        default=None,
        max_length=200,
        description=f"What it is for: the annotation {DESCRIPTION}.",
    )
    labels: JsonObject = Field(default={}, description="Labels of the Namespace.")
    annotations: JsonObject = Field(default={}, description="Annotations of the Namespace.")
    region: str | None = Field(default=None, description=LEFT_ASIDE)
    color: str | None = Field(default=None, description=LEFT_ASIDE)
    networking: JsonObject | None = Field(default=None, description=LEFT_ASIDE)


class Project(NodeKind[ProjectSpec]):
    """Applies the Namespace. Without the right, the failure has the command that gives it."""

    name: ClassVar[str] = "Project"
    recalls: ClassVar[bool] = True
    spec = ProjectSpec

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    @override
    async def act(self, call: Call[ProjectSpec]) -> Result:
        manifests = [_manifest(call.spec)]
        result = await apply_and_wait(self._objects, self._cel, call, manifests, Applying())
        return identified(result, call.spec.name)

    @override
    async def plan(self, call: Call[ProjectSpec]) -> Planned:
        planned = await plan_objects(self._objects, call, [_manifest(call.spec)], Applying())
        return identified_plan(planned, call.spec.name)

    @override
    async def stop(self, call: Call[ProjectSpec]) -> None:
        """The Namespace stays: a run never deletes what it made."""


class Namespace(Project):
    """The same under the name that Kubernetes has for it."""

    name: ClassVar[str] = "Namespace"


def _manifest(spec: ProjectSpec) -> JsonObject:
    said = {DESCRIPTION: spec.description} if spec.description else {}
    metadata = {
        "name": spec.name,
        "labels": spec.labels,
        "annotations": {**said, **spec.annotations},
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
