"""What the short forms of Manifest that make one object share: all but the object itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, TypeVar

from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result
from ebbflow.services.nodes.objects.applying import Applying, apply_and_wait, plan_objects
from ebbflow.services.nodes.objects.short_form import with_outputs
from ebbflow.services.nodes.spec import NodeSpec

S = TypeVar("S", bound=NodeSpec)


class OneObject(NodeKind[S]):
    """A kind that applies one object and waits for it. Kinds give `name`, `spec` and `manifest`."""

    recalls: ClassVar[bool] = True

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    @abstractmethod
    def manifest(self, call: Call[S]) -> JsonObject:
        """Return the object as it is applied; it has a name. Raises CannotDo."""

    def how(self, _spec: S) -> Applying:
        """Say how it is applied: unless a kind says otherwise, it is waited for."""
        return Applying()

    def outputs(self, _spec: S, name: str, live: JsonObject) -> JsonObject:
        """Return what `${refs.<ref>.…}` reads: the live object, and Northflank's `id` and `name`.

        `name`: of the object. In a plan `live` stands in for the object that there will be.
        """
        return {**live, "id": name, "name": name}

    @override
    async def act(self, call: Call[S]) -> Result:
        manifest, how = self.manifest(call), self.how(call.spec)
        result = await apply_and_wait(self._objects, self._cel, call, [manifest], how)
        name = manifest["metadata"]["name"]
        return with_outputs(result, lambda live: self.outputs(call.spec, name, live[0]))

    @override
    async def plan(self, call: Call[S]) -> Planned:
        manifest, how = self.manifest(call), self.how(call.spec)
        planned = await plan_objects(self._objects, call, [manifest], how)
        name = manifest["metadata"]["name"]
        return replace(planned, outputs=self.outputs(call.spec, name, planned.applied[0]))

    @override
    async def stop(self, call: Call[S]) -> None:
        """The object stays: a run never deletes what it made."""
