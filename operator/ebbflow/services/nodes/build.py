"""Build: builds an image from a commit, and hands on its reference with the digest."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from ebbflow.api.run import PlannedChange
from ebbflow.domain.pods.images import Pushed
from ebbflow.services.nodes.building import Builds, BuildSettings, Built
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result, Succeeded

UNKNOWN_DIGEST = f"sha256:{'0' * 64}"
"""Stands in for the digest of an image that a dry run does not build."""


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
        """Nothing is built, and the digest not known."""
        planned = await self._builds.plan(call, call.spec)
        image = Pushed(call.spec.image, planned.tag, UNKNOWN_DIGEST)
        name = f"{image.repository}:{image.tag}"
        change = PlannedChange(node=call.path, object=f"image {name}", action="create")
        return Planned((change,), Built(image, planned.source.commit, "").outputs)

    @override
    async def stop(self, call: Call[BuildSpec]) -> None:
        await self._builds.stop(call)
