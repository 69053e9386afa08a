"""Build: builds an image from a commit, and hands on its reference with the digest."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result, Succeeded
from ebbflow.services.nodes.pods.building import Builds, BuildSettings, Built


class BuildSpec(BuildSettings):
    """One image."""


class Build(NodeKind[BuildSpec]):
    """One Job for each attempt, unless the image is there already."""

    name: ClassVar[str] = "Build"
    recalls: ClassVar[bool] = True
    spec = BuildSpec

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    @override
    async def act(self, call: Call[BuildSpec]) -> Result:
        seen = await self._builds.build(call, call.spec)
        return Succeeded(seen.outputs, seen.words) if isinstance(seen, Built) else seen

    @override
    async def plan(self, call: Call[BuildSpec]) -> Planned:
        return await self._builds.planned(call, call.spec)

    @override
    async def stop(self, call: Call[BuildSpec]) -> str:
        return await self._builds.stop(call, call.spec)
