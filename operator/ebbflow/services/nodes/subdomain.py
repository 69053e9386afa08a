"""Subdomain: leads a host name to services, by an Ingress, or by an HTTPRoute where a gateway is named."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.services.nodes.kind import Call
from ebbflow.services.nodes.objects.applying import Applying
from ebbflow.services.nodes.objects.one_object import OneObject
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE, ObjectName, ProjectId, by_kind
from ebbflow.services.nodes.pods.service_ports import (
    HostName,
    PortName,
    PortNumber,
    host_name,
    ingress,
    ingress_path,
    ingress_rule,
)
from ebbflow.services.nodes.spec import NodeSpec

GATEWAY_API: Final = "gateway.networking.k8s.io/v1"
_INGRESS_TYPES: Final = {
    "prefix": "Prefix",
    "exact": "Exact",
    "regex": "ImplementationSpecific",
}
_ROUTE_TYPES: Final = {"prefix": "PathPrefix", "exact": "Exact", "regex": "RegularExpression"}


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("must begin with /")
    return text


class Backend(NodeSpec):
    """Where requests go."""

    name: ObjectName
    port: Annotated[PortNumber | PortName, Field(union_mode="left_to_right")] = Field(
        default=80, description="The port of the Service; for an Ingress its name will do too."
    )


class Path(NodeSpec):
    """A part of the host's paths."""

    uri: Annotated[str, AfterValidator(_absolute)] = Field(
        default="/", max_length=1024, description="The path."
    )
    mode: Literal["prefix", "exact", "regex"] = Field(
        default="prefix",
        description="How it is compared; regex as the cluster's controller has it.",
    )
    service: Backend = Field(description="The Service that it leads to.")


class GatewayRef(NodeSpec):
    """A Gateway."""

    name: ObjectName
    namespace: str | None = Field(default=None, max_length=63, description="Absent: the same.")
    section: str | None = Field(default=None, max_length=253, description="One of its listeners.")


class Certificate(NodeSpec):
    """What an Ingress speaks TLS with."""

    secret_name: str = Field(max_length=253, description="The Secret, of type kubernetes.io/tls.")


class SubdomainSpec(NodeSpec):
    """A host name and what it leads to."""

    name: ObjectName | None = Field(
        default=None, description="The object's name; absent: the host name with - for dots."
    )
    domain: HostName = Field(description="The domain, such as example.com.")
    subdomain: str | None = Field(
        default=None,
        max_length=253,
        description="What is put before the domain; `*` for all; absent: the domain itself.",
    )
    service: Backend | None = Field(default=None, description="Where all of it leads; or `paths`.")
    paths: tuple[Path, ...] = Field(default=(), max_length=16, description="Where each path leads.")
    gateway: GatewayRef | None = Field(
        default=None, description="Makes an HTTPRoute for this Gateway; absent: an Ingress."
    )
    ingress_class_name: str | None = Field(
        default=None,
        max_length=253,
        description="The Ingress' class; absent: the cluster's default.",
    )
    tls: Certificate | None = Field(
        default=None, description="TLS of the Ingress; a Gateway has its own."
    )
    labels: JsonObject = Field(default={}, description="Labels of the object.")
    annotations: JsonObject = Field(
        default={}, description="Annotations of the object, for its controller."
    )
    wait: bool = Field(default=True, description="Wait until the gateway has taken the route.")
    project_id: ProjectId = None
    options: JsonObject | None = Field(default=None, description=LEFT_ASIDE)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.service is None) == (not self.paths):
            raise ValueError("give exactly one of service and paths")
        if self.gateway is not None and (self.tls or self.ingress_class_name):
            raise ValueError(
                "tls and ingressClassName belong to an Ingress; leave gateway out, or them"
            )
        if self.gateway is not None and any(isinstance(one.port, str) for one in self.backends):
            raise ValueError("an HTTPRoute needs the number of the Service's port, not its name")
        host_name(self.host)
        return self

    @property
    def host(self) -> str:
        """The whole host name."""
        return f"{self.subdomain}.{self.domain}" if self.subdomain else self.domain

    @property
    def routes(self) -> tuple[Path, ...]:
        """What each path leads to."""
        return self.paths or ((Path(service=self.service),) if self.service is not None else ())

    @property
    def backends(self) -> tuple[Backend, ...]:
        """The services that the host leads to."""
        return tuple(one.service for one in self.routes)

    @property
    def object_name(self) -> str:
        """The name of the object."""
        return self.name or self.host.lower().replace("*", "any").replace(".", "-")


class Subdomain(OneObject[SubdomainSpec]):
    """Applies the Ingress or HTTPRoute."""

    name: ClassVar[str] = "Subdomain"
    spec = SubdomainSpec

    @override
    def manifest(self, call: Call[SubdomainSpec]) -> JsonObject:
        return _manifest(call.spec)

    @override
    def how(self, spec: SubdomainSpec) -> Applying:
        return Applying(wait=spec.wait)

    @override
    def outputs(self, spec: SubdomainSpec, name: str, live: JsonObject) -> JsonObject:
        return by_kind(name, (live,)) | {"name": spec.host.lower()}


def _manifest(spec: SubdomainSpec) -> JsonObject:
    metadata: JsonObject = {
        "name": spec.object_name,
        "namespace": spec.project_id,
        **({"labels": spec.labels} if spec.labels else {}),
        **({"annotations": spec.annotations} if spec.annotations else {}),
    }
    if spec.gateway is not None:
        return _route(spec, spec.gateway, metadata)
    paths = [
        ingress_path(one.uri, _INGRESS_TYPES[one.mode], one.service.name, one.service.port)
        for one in spec.routes
    ]
    host = spec.host.lower()
    tls = [{"hosts": [host], "secretName": spec.tls.secret_name}] if spec.tls else None
    return ingress(
        metadata, [ingress_rule(host, paths)], tls=tls, ingressClassName=spec.ingress_class_name
    )


def _route(spec: SubdomainSpec, gateway: GatewayRef, metadata: JsonObject) -> JsonObject:
    parent = {
        "name": gateway.name,
        "namespace": gateway.namespace,
        "sectionName": gateway.section,
    }
    rules = [
        {
            "matches": [{"path": {"type": _ROUTE_TYPES[one.mode], "value": one.uri}}],
            "backendRefs": [{"name": one.service.name, "port": one.service.port}],
        }
        for one in spec.routes
    ]
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": metadata,
        "spec": {
            "hostnames": [spec.host.lower()],
            "parentRefs": [{key: value for key, value in parent.items() if value is not None}],
            "rules": rules,
        },
    }
