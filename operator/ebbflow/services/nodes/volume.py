"""Volume: makes a PersistentVolumeClaim."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.services.nodes.kind import Call
from ebbflow.services.nodes.objects.applying import Applying
from ebbflow.services.nodes.objects.one_object import OneObject
from ebbflow.services.nodes.objects.short_form import (
    LEFT_ASIDE,
    MAX_MEGABYTES,
    SNAPSHOTS,
    ObjectName,
    ProjectId,
)
from ebbflow.services.nodes.spec import NodeSpec


class VolumeSource(NodeSpec):
    """What the volume begins with."""

    volume: str | None = Field(
        default=None, max_length=253, description="A PersistentVolumeClaim to copy."
    )
    backup: str | None = Field(
        default=None, max_length=253, description="A VolumeSnapshot to restore."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.volume is None) == (self.backup is None):
            raise ValueError("give exactly one of volume and backup")
        return self


class VolumeSpec(NodeSpec):
    """A PersistentVolumeClaim, in Northflank's words."""

    name: ObjectName
    storage_size: int = Field(ge=1, le=MAX_MEGABYTES, description="Its size in MiB.")
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod"] = (
        Field(default="ReadWriteOnce", description="Who may use it at once.")
    )
    storage_class_name: str | None = Field(
        default=None,
        max_length=253,
        description="The StorageClass; absent: the cluster's default one.",
    )
    source: VolumeSource | None = Field(
        default=None, description="What it begins with; absent: it is empty."
    )
    wait: bool = Field(
        default=False,
        description="Wait until it is bound. Many storage classes bind only when a pod uses it.",
    )
    project_id: ProjectId = None
    owning_object: JsonObject | None = Field(default=None, description=LEFT_ASIDE)


class Volume(OneObject[VolumeSpec]):
    """Applies the claim."""

    name: ClassVar[str] = "Volume"
    spec = VolumeSpec

    @override
    def manifest(self, call: Call[VolumeSpec]) -> JsonObject:
        return _manifest(call.spec)

    @override
    def how(self, spec: VolumeSpec) -> Applying:
        return Applying(wait=spec.wait)


def _manifest(spec: VolumeSpec) -> JsonObject:
    claim: JsonObject = {
        "accessModes": [spec.access_mode],
        "resources": {"requests": {"storage": f"{spec.storage_size}Mi"}},
    }
    if spec.storage_class_name is not None:
        claim["storageClassName"] = spec.storage_class_name
    if spec.source is not None:
        claim["dataSource"] = _data_source(spec.source)
    metadata: JsonObject = {"name": spec.name, "namespace": spec.project_id}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": claim,
    }


def _data_source(source: VolumeSource) -> JsonObject:
    if source.volume is not None:
        return {"kind": "PersistentVolumeClaim", "name": source.volume}
    return {"apiGroup": SNAPSHOTS, "kind": "VolumeSnapshot", "name": source.backup}
