"""Ports and health checks of services, and how they are reached: Services and Ingresses."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ebbflow.api.base import JsonObject
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE
from ebbflow.services.nodes.pods.workload_spec import CommandLine
from ebbflow.services.nodes.spec import NodeSpec

_PORT_NAME: Final = re.compile(r"(?=.{1,15}\Z)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*"
)
_OF_HTTP: Final = {"HTTP": "http", "HTTP/2": "kubernetes.io/h2c"}


def port_name(text: str) -> str:
    """Return the name of a port. Raises ValueError."""
    if not _PORT_NAME.fullmatch(text):
        raise ValueError(
            "must be 1 to 15 small letters, digits and single hyphens, with a letter among them"
        )
    return text


def host_name(text: str) -> str:
    """Return a host name in small letters. Raises ValueError."""
    name = text.lower()
    if not _HOST.fullmatch(name):
        raise ValueError("must be a host name, such as shop.example.com or *.example.com")
    return name


PortName = Annotated[str, AfterValidator(port_name)]
HostName = Annotated[str, AfterValidator(host_name)]
PortNumber = Annotated[int, Field(ge=1, le=65_535)]


class PortSecurity(NodeSpec):
    """Northflank's rules for who may come in. They cannot be carried over, so there may be none."""

    policies: tuple[JsonObject, ...] = Field(
        default=(), max_length=0, description="Must be empty: use a NetworkPolicy, or the Ingress."
    )
    credentials: tuple[JsonObject, ...] = Field(
        default=(), max_length=0, description="Must be empty: use the Ingress."
    )


class Port(NodeSpec):
    """A port of the container, and of the Service."""

    name: PortName = Field(description="Its name.")
    internal_port: PortNumber = Field(description="The port of the container.")
    port: PortNumber | None = Field(
        default=None, description="The port of the Service; absent: the same."
    )
    protocol: Literal["HTTP", "HTTP/2", "TCP", "UDP"] = Field(
        default="HTTP", description="What is spoken on it."
    )
    public: bool = Field(
        default=False, description="Whether `domains` lead to it from outside, by an Ingress."
    )
    domains: tuple[HostName, ...] = Field(
        default=(), max_length=32, description="The host names that lead to it."
    )
    security: PortSecurity = Field(
        default=PortSecurity(), description="Northflank's rules: none can be carried over."
    )
    disable_nf_domain: bool = Field(default=False, description=LEFT_ASIDE)

    @model_validator(mode="after")
    def _domains_are_http(self) -> Self:
        if self.public and self.domains and self.protocol not in _OF_HTTP:
            raise ValueError("domains need protocol HTTP or HTTP/2")
        return self

    @property
    def service_port(self) -> int:
        """The port of the Service."""
        return self.port or self.internal_port

    @property
    def transport(self) -> str:
        """TCP or UDP."""
        return "UDP" if self.protocol == "UDP" else "TCP"


class HealthCheck(NodeSpec):
    """A probe, in Northflank's words."""

    type: Literal["readinessProbe", "livenessProbe", "startupProbe"] = Field(
        description="What it decides."
    )
    protocol: Literal["HTTP", "TCP", "CMD"] = Field(description="How it is asked.")
    port: PortNumber | None = Field(default=None, description="HTTP and TCP: the port.")
    path: str = Field(default="/", max_length=2048, description="HTTP: the path.")
    cmd: CommandLine | None = Field(
        default=None, description="CMD: the command; split into words as a shell does."
    )
    initial_delay_seconds: int | None = Field(default=None, ge=0, description="As in Kubernetes.")
    period_seconds: int | None = Field(default=None, ge=1, description="As in Kubernetes.")
    timeout_seconds: int | None = Field(default=None, ge=1, description="As in Kubernetes.")
    failure_threshold: int | None = Field(default=None, ge=1, description="As in Kubernetes.")
    success_threshold: int | None = Field(default=None, ge=1, description="As in Kubernetes.")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.protocol == "CMD" and self.cmd is None:
            raise ValueError("protocol CMD needs cmd")
        if self.protocol != "CMD" and self.port is None:
            raise ValueError(f"protocol {self.protocol} needs port")
        return self

    def probe(self) -> JsonObject:
        """Return it as a container has it."""
        times = {
            "initialDelaySeconds": self.initial_delay_seconds,
            "periodSeconds": self.period_seconds,
            "timeoutSeconds": self.timeout_seconds,
            "failureThreshold": self.failure_threshold,
            "successThreshold": self.success_threshold,
        }
        return self._asked() | {key: value for key, value in times.items() if value is not None}

    def _asked(self) -> JsonObject:
        match self.protocol:
            case "HTTP":
                return {"httpGet": {"path": self.path, "port": self.port}}
            case "TCP":
                return {"tcpSocket": {"port": self.port}}
            case "CMD":
                return {"exec": {"command": shlex.split(self.cmd or "")}}


def container_ports(ports: Sequence[Port]) -> list[JsonObject]:
    """Return the ports as a container has them."""
    return [
        {"name": one.name, "containerPort": one.internal_port, "protocol": one.transport}
        for one in ports
    ]


def service(metadata: JsonObject, ports: Sequence[Port], selector: dict[str, str]) -> JsonObject:
    """Return the Service for the pods that the selector has."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": selector, "ports": [_service_port(one) for one in ports]},
    }


def public_ingress(
    metadata: JsonObject, service_name: str, ports: Sequence[Port]
) -> JsonObject | None:
    """Return the Ingress for the domains of public ports; None if there are none."""
    rules = [
        ingress_rule(host, [ingress_path("/", "Prefix", service_name, one.service_port)])
        for one in ports
        if one.public
        for host in one.domains
    ]
    return ingress(metadata, rules) if rules else None


def ingress(metadata: JsonObject, rules: Sequence[JsonObject], **more: object) -> JsonObject:
    """Return an Ingress. `more`: other fields of its spec; those that are None are left out."""
    given = {key: value for key, value in more.items() if value is not None}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {**given, "rules": list(rules)},
    }


def ingress_rule(host: str, paths: Sequence[JsonObject]) -> JsonObject:
    """Return the rule of an Ingress for one host."""
    return {"host": host, "http": {"paths": list(paths)}}


def ingress_path(path: str, path_type: str, service_name: str, port: int | str) -> JsonObject:
    """Return one path of an Ingress' rule; the port is a number, or its name."""
    named = {"name": port} if isinstance(port, str) else {"number": port}
    backend = {"service": {"name": service_name, "port": named}}
    return {"path": path, "pathType": path_type, "backend": backend}


def port_outputs(ports: Sequence[Port], service_name: str, namespace: str) -> list[JsonObject]:
    """Return what `${refs.….ports.0.dns}` and its neighbours read."""
    return [
        {
            "name": one.name,
            "internalPort": one.internal_port,
            "port": one.service_port,
            "protocol": one.protocol,
            "dns": one.domains[0]
            if one.public and one.domains
            else f"{service_name}.{namespace}.svc",
        }
        for one in ports
    ]


def _service_port(port: Port) -> JsonObject:
    spoken = {"appProtocol": _OF_HTTP[port.protocol]} if port.protocol in _OF_HTTP else {}
    return {
        "name": port.name,
        "port": port.service_port,
        "targetPort": port.internal_port,
        "protocol": port.transport,
        **spoken,
    }
