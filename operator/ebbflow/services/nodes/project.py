"""Project, Namespace: makes a Namespace. The tenant needs a cluster-wide right of its own for it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.services.nodes.kind import Call
from ebbflow.services.nodes.objects.one_object import OneObject
from ebbflow.services.nodes.objects.short_form import DESCRIPTION, LEFT_ASIDE, ObjectName
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


class Project(OneObject[ProjectSpec]):
    """Applies the Namespace. Without the right, the failure has the command that gives it."""

    name: ClassVar[str] = "Project"
    spec = ProjectSpec

    @override
    def manifest(self, call: Call[ProjectSpec]) -> JsonObject:
        spec = call.spec
        said = {DESCRIPTION: spec.description} if spec.description else {}
        metadata = {
            "name": spec.name,
            "labels": spec.labels,
            "annotations": {**said, **spec.annotations},
        }
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


class Namespace(Project):
    """The same under the name that Kubernetes has for it."""

    name: ClassVar[str] = "Namespace"
