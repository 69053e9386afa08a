"""Manifest: applies Kubernetes objects, waits until they are healthy, hands on the live objects."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.applying import Applying, apply_and_wait, plan_objects
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result
from ebbflow.services.nodes.spec import NodeSpec


class ManifestSpec(NodeSpec):
    """One object or several, and how long to wait for them."""

    manifest: JsonObject | None = Field(default=None, description="The object.")
    manifests: tuple[JsonObject, ...] | None = Field(
        default=None, min_length=1, max_length=500, description="Several objects."
    )
    wait: bool = Field(default=True, description="Wait until the objects are healthy.")
    until: str | None = Field(
        default=None,
        description="CEL over `object` that says when each is healthy; absent: as kstatus has it.",
    )
    force: bool = Field(
        default=True,
        description="Take fields over that another manager owns; false: that is a failure.",
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.manifest is None) == (self.manifests is None):
            raise ValueError("give exactly one of manifest and manifests")
        return self

    @property
    def objects(self) -> tuple[JsonObject, ...]:
        """The objects, however they were given."""
        return self.manifests or ((self.manifest,) if self.manifest else ())


class Manifest(NodeKind[ManifestSpec]):
    """Server-side apply under a field manager of the source's own, in the tenant's name."""

    name: ClassVar[str] = "Manifest"
    recalls: ClassVar[bool] = True
    spec = ManifestSpec

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    @override
    async def act(self, call: Call[ManifestSpec]) -> Result:
        how = _how(call.spec)
        return await apply_and_wait(self._objects, self._cel, call, call.spec.objects, how)

    @override
    async def plan(self, call: Call[ManifestSpec]) -> Planned:
        return await plan_objects(self._objects, call, call.spec.objects, _how(call.spec))

    @override
    async def stop(self, call: Call[ManifestSpec]) -> None:
        """What was applied stays: a run never deletes what it made."""


def _how(spec: ManifestSpec) -> Applying:
    return Applying(spec.wait, spec.until, spec.force)
