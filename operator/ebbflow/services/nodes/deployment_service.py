"""DeploymentService: makes a Deployment, and a Service and an Ingress where its ports ask for them."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result
from ebbflow.services.nodes.pods.deploying import Deploying, ServiceSpec
from ebbflow.services.nodes.pods.workload_spec import ImagePodSpec


class DeploymentServiceSpec(ServiceSpec, ImagePodSpec):
    """A service from an image, in Northflank's words or Kubernetes'."""


class DeploymentService(NodeKind[DeploymentServiceSpec]):
    """Applies the objects and waits for the rollout."""

    name: ClassVar[str] = "DeploymentService"
    recalls: ClassVar[bool] = True
    spec = DeploymentServiceSpec

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._deploying = Deploying(objects, cel)

    @override
    async def act(self, call: Call[DeploymentServiceSpec]) -> Result:
        return await self._deploying.act(call, call.spec, call.spec.image_named)

    @override
    async def plan(self, call: Call[DeploymentServiceSpec]) -> Planned:
        return await self._deploying.plan(call, call.spec, call.spec.image_named)

    @override
    async def stop(self, call: Call[DeploymentServiceSpec]) -> None:
        """The service stays as it is: a run never deletes what it made."""
