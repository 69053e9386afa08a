"""Condition: waits until a CEL expression over a live object is true."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.health import Current, health
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result, Succeeded, Working
from ebbflow.services.nodes.objects.until import ask_until, compile_until
from ebbflow.services.nodes.spec import NodeSpec

RECHECK = timedelta(seconds=10)


class ConditionTarget(NodeSpec):
    """Which object."""

    api_version: str = Field(
        default="v1", max_length=317, description="Its apiVersion, such as apps/v1."
    )
    kind: str = Field(max_length=63, description="Its kind.")
    name: str = Field(max_length=253, description="Its name.")
    namespace: str | None = Field(default=None, max_length=63, description="Absent: the context's.")


class ConditionSpec(NodeSpec):
    """Which object, and what must be true of it."""

    object: ConditionTarget = Field(description="The object that is looked at.")
    until: str | None = Field(
        default=None,
        description="CEL over `object`; absent: until it is healthy, as kstatus has it.",
    )


class Condition(NodeKind[ConditionSpec]):
    """Looks at one object, in the tenant's name, whenever it changes."""

    name: ClassVar[str] = "Condition"
    recalls: ClassVar[bool] = True
    only_waits: ClassVar[bool] = True
    spec = ConditionSpec

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    @override
    async def act(self, call: Call[ConditionSpec]) -> Result:
        target = _target(call)
        until = compile_until(self._cel, call.spec.until)
        live = await self._objects.get(target, call.run.account)
        if live is None:
            return _waits(f"{target.title} does not exist yet", target)
        verdict = health(live) if until is None else ask_until(until, live)
        if isinstance(verdict, Current):
            return Succeeded(live)
        return _waits(f"{target.title}: {verdict.message}", target)

    @override
    async def plan(self, call: Call[ConditionSpec]) -> Planned:
        return Planned(outputs=await self._objects.get(_target(call), call.run.account) or {})

    @override
    async def stop(self, call: Call[ConditionSpec]) -> None:
        """Nothing goes on by itself."""


def _target(call: Call[ConditionSpec]) -> ObjectId:
    given = call.spec.object
    group, _, version = given.api_version.rpartition("/")
    namespace = given.namespace or call.context.namespace
    return ObjectId(group, given.kind, namespace, given.name, version)


def _waits(message: str, target: ObjectId) -> Working:
    return Working(message, after=RECHECK, follow=(target,), made=False, waiting=True)
