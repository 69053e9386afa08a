"""A service that runs: what DeploymentService and CombinedService share, once the image is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final, Self

from pydantic import Field, model_validator

from ebbflow.api.base import JsonObject
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.health_verdict import items, mapping
from ebbflow.domain.objects import Objects
from ebbflow.domain.pods.overrides import overridden
from ebbflow.services.nodes.kind import Call, Planned, Result
from ebbflow.services.nodes.objects.applying import Applying
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE, Applied, by_kind, with_outputs
from ebbflow.services.nodes.pods.service_ports import (
    HealthCheck,
    Port,
    container_ports,
    port_outputs,
    public_ingress,
    service,
)
from ebbflow.services.nodes.pods.workload import (
    Pods,
    apply_workload,
    head,
    plan_workload,
    pods_of,
    selected,
)
from ebbflow.services.nodes.pods.workload_spec import MAX_REPLICAS, PodDeployment, PodSpec

COMPONENT: Final = "service"

LASTING_SECONDS: Final = 5
"""How long pods must last of which nothing but that they run tells that they are ready."""

LONGEST_LASTING: Final = 599
"""Seconds. A Deployment must be allowed to make progress for longer, which is 600 by default."""


class ServiceDeployment(PodDeployment):
    """How a service runs, in Northflank's words."""

    instances: int | None = Field(
        default=None, ge=0, le=MAX_REPLICAS, description="How many pods; or give `replicas`."
    )
    strategy: JsonObject | None = Field(default=None, description=LEFT_ASIDE)


class ServiceSpec(PodSpec):
    """A Deployment, and a Service if it has ports."""

    deployment: ServiceDeployment = Field(
        default=ServiceDeployment(), description="How the service runs, in Northflank's words."
    )
    replicas: int | None = Field(
        default=None,
        ge=0,
        le=MAX_REPLICAS,
        description="How many pods; absent: 1 at first, then whatever an autoscaler made of it.",
    )
    ports: tuple[Port, ...] = Field(
        default=(), max_length=64, description="The ports; without any there is no Service."
    )
    health_checks: tuple[HealthCheck, ...] = Field(
        default=(), max_length=3, description="Probes of the container: one of each type."
    )
    min_ready_seconds: int | None = Field(
        default=None,
        ge=0,
        le=LONGEST_LASTING,
        description="How long a pod must have been ready to be counted; absent: "
        f"{LASTING_SECONDS} if the container has no readinessProbe, else 0.",
    )
    wait: bool = Field(default=True, description="Wait until all pods are ready.")
    autoscaling: JsonObject | None = Field(
        default=None,
        description="Northflank's; left aside: apply a HorizontalPodAutoscaler with Manifest.",
    )
    load_balancing: JsonObject | None = Field(default=None, description=LEFT_ASIDE)
    create_options: JsonObject | None = Field(default=None, description=LEFT_ASIDE)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.replicas is not None and self.deployment.instances is not None:
            raise ValueError("give replicas or deployment.instances, not both")
        for what, given in (
            ("ports: two have the same name", [one.name for one in self.ports]),
            (
                "ports: two have the same internalPort",
                [(one.internal_port, one.transport) for one in self.ports],
            ),
            ("healthChecks: two have the same type", [one.type for one in self.health_checks]),
        ):
            if len(set(given)) < len(given):
                raise ValueError(what)
        return self


class Deploying:
    """Applies the objects of a service and waits for its rollout."""

    def __init__(self, objects: Objects, cel: CelCompiler) -> None:
        self._objects = objects
        self._cel = cel

    async def act(
        self, call: Call[Any], spec: ServiceSpec, image: str, notes: JsonObject | None = None
    ) -> Result:
        """Apply the objects with the image, or see how they stand; raises as `apply_and_wait`.

        `notes` are annotations of the Deployment.
        """
        result = await apply_workload(
            self._objects,
            self._cel,
            call,
            _pods(call, spec, image),
            lambda template: _manifests(spec, template, notes or {}),
            Applying(wait=spec.wait),
        )
        return with_outputs(result, partial(_outputs, call, spec, image))

    async def plan(self, call: Call[Any], spec: ServiceSpec, image: str) -> Planned:
        """Say what `act` would change."""
        pods = _pods(call, spec, image)
        planned = await plan_workload(
            self._objects, call, pods, lambda template: _manifests(spec, template, {})
        )
        return replace(planned, outputs=_outputs(call, spec, image, planned.applied))


def _pods(call: Call[Any], spec: ServiceSpec, image: str) -> Pods:
    container: JsonObject = {"name": spec.name}
    if spec.ports:
        container["ports"] = container_ports(spec.ports)
    container |= {one.type: one.probe() for one in spec.health_checks}
    return pods_of(call, spec, image, COMPONENT, {"spec": {"containers": [container]}})


def _manifests(spec: ServiceSpec, template: JsonObject, notes: JsonObject) -> list[JsonObject]:
    labels, metadata = selected(spec.name, COMPONENT), head(spec, spec.name, COMPONENT)
    body: JsonObject = {"selector": {"matchLabels": labels}, "template": template}
    replicas = spec.replicas if spec.replicas is not None else spec.deployment.instances
    if replicas is not None:
        body["replicas"] = replicas
    lasting = _lasting_seconds(spec, template)
    if lasting:
        body["minReadySeconds"] = lasting
    noted = overridden(metadata, {"annotations": notes}) if notes else metadata
    made: list[JsonObject] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": noted, "spec": body}
    ]
    if spec.ports:
        made.append(service(metadata, spec.ports, labels))
    route = public_ingress(metadata, spec.name, spec.ports)
    return [*made, route] if route is not None else made


def _lasting_seconds(spec: ServiceSpec, template: JsonObject) -> int:
    """Return for how long pods must be ready. A container without a readinessProbe is ready once it
    has started, so one that ends right away would count as rolled out.
    """
    if spec.min_ready_seconds is not None:
        return spec.min_ready_seconds
    containers = items(mapping(template.get("spec")).get("containers"))
    probed = any(one.get("readinessProbe") for one in containers if one.get("name") == spec.name)
    return 0 if probed else LASTING_SECONDS


def _outputs(call: Call[Any], spec: ServiceSpec, image: str, applied: Applied) -> JsonObject:
    """Return what references read: Northflank's `id`, `name` and `ports`, and the live objects."""
    namespace = spec.project_id or call.context.namespace
    ports = port_outputs(spec.ports, spec.name, namespace)
    return {**by_kind(spec.name, applied), "image": image, "ports": ports}
