"""Addon: a database or the like: one pod with a volume, or whatever object an operator serves."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.expression.errors import hint
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.services.nodes.kind import Call, NodeKind, Planned, Result
from ebbflow.services.nodes.objects.applying import Applying, apply_and_wait, plan_objects
from ebbflow.services.nodes.objects.object_texts import encoded
from ebbflow.services.nodes.objects.short_form import (
    LEFT_ASIDE,
    MAX_MEGABYTES,
    Applied,
    by_kind,
    with_outputs,
)
from ebbflow.services.nodes.pods.addon_types import (
    DATABASE,
    HOST,
    PASSWORD,
    PORT,
    TYPES,
    USERNAME,
    AddonType,
)
from ebbflow.services.nodes.pods.service_ports import Port, service
from ebbflow.services.nodes.pods.workload import (
    Pods,
    apply_workload,
    head,
    plan_workload,
    pods_of,
    selected,
)
from ebbflow.services.nodes.pods.workload_spec import PodSpec

COMPONENT: Final = "addon"
PASSWORD_BYTES: Final = 16
DEFAULT_MEGABYTES: Final = 1024
_VOLUME: Final = "data"


class AddonSpec(PodSpec):
    """A type and a version; or the object of an operator that is installed in the cluster."""

    type: str | None = Field(default=None, description=f"One of {', '.join(TYPES)}; or `manifest`.")
    version: str | None = Field(
        default=None,
        max_length=128,
        description="The tag of the type's image, such as 17; or `image`.",
    )
    manifest: JsonObject | None = Field(
        default=None, description="Any object, such as a database operator's, instead of a type."
    )
    until: str | None = Field(
        default=None, description="CEL over `object` that says when the manifest's is ready."
    )
    storage_size: int | None = Field(
        default=None,
        ge=1,
        le=MAX_MEGABYTES,
        description="MiB of its volume; absent: billing.storage, or 1024.",
    )
    storage_class_name: str | None = Field(
        default=None, max_length=253, description="Of its volume; absent: the cluster's default."
    )
    username: str | None = Field(
        default=None, max_length=63, description="Its first account; absent: app (redis: default)."
    )
    database: str = Field(default="app", max_length=63, description="Its first database.")
    replicas: int | None = Field(
        default=None, description="At most 1: copies of a database need an operator of its own."
    )
    wait: bool = Field(default=True, description="Wait until it is ready.")
    tls_enabled: bool = Field(
        default=False, description="Northflank's; left aside: connections are not encrypted."
    )
    external_access_enabled: bool = Field(
        default=False,
        description="Northflank's; left aside: it is reached inside the cluster only.",
    )
    ip_policies: tuple[JsonObject, ...] = Field(default=(), max_length=256, description=LEFT_ASIDE)
    backup_schedules: tuple[JsonObject, ...] = Field(
        default=(), max_length=0, description="Must be empty: use AddonBackup nodes."
    )

    @field_validator("type")
    @classmethod
    def _known(cls, given: str | None) -> str | None:
        if given is not None and given not in TYPES:
            raise ValueError(
                f"must be one of {', '.join(TYPES)}{hint(given, TYPES)}; for any other, give the "
                "object of its operator as manifest"
            )
        return given

    @field_validator("replicas")
    @classmethod
    def _alone(cls, given: int | None) -> int | None:
        if given is not None and given not in (0, 1):
            raise ValueError(
                "must be 0 or 1: pods of one StatefulSet do not copy a database; give the object of "
                "its operator as manifest"
            )
        return given

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.type is None) == (self.manifest is None):
            raise ValueError("give exactly one of type and manifest")
        if self.type is not None and (self.version is None) == (self.image_given is None):
            raise ValueError("give exactly one of version (such as 17) and image")
        if self.until is not None and self.manifest is None:
            raise ValueError("until belongs to manifest; leave it out")
        return self


class Addon(NodeKind[AddonSpec]):
    """Applies a StatefulSet with its Service and credentials, or the given object; waits for it."""

    name: ClassVar[str] = "Addon"
    recalls: ClassVar[bool] = True
    spec = AddonSpec

    def __init__(
        self,
        objects: Objects,
        cel: CelCompiler,
        token: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._objects = objects
        self._cel = cel
        self._token = token

    @override
    async def act(self, call: Call[AddonSpec]) -> Result:
        spec = call.spec
        if spec.manifest is not None:
            how = Applying(wait=spec.wait, until=spec.until)
            result = await apply_and_wait(self._objects, self._cel, call, [spec.manifest], how)
        else:
            pods, credentials = _pods(call), await self._credentials(call)
            result = await apply_workload(
                self._objects,
                self._cel,
                call,
                pods,
                lambda template: _manifests(spec, template, credentials),
                Applying(wait=spec.wait),
            )
        return with_outputs(result, partial(_outputs, call))

    @override
    async def plan(self, call: Call[AddonSpec]) -> Planned:
        spec = call.spec
        if spec.manifest is not None:
            planned = await plan_objects(self._objects, call, [spec.manifest], Applying())
        else:
            credentials = await self._credentials(call)
            planned = await plan_workload(
                self._objects,
                call,
                _pods(call),
                lambda template: _manifests(spec, template, credentials),
            )
        return replace(planned, outputs=_outputs(call, planned.applied))

    @override
    async def stop(self, call: Call[AddonSpec]) -> None:
        """The addon stays as it is: a run never deletes what it made."""

    async def _credentials(self, call: Call[AddonSpec]) -> JsonObject:
        """Return the Secret with the credentials: its password is made once, and stays."""
        spec, kind = call.spec, _type(call.spec)
        namespace = spec.project_id or call.context.namespace
        metadata = head(spec, _secret_name(spec), COMPONENT)
        target = ObjectId("", "Secret", namespace, _secret_name(spec), "v1")
        live = await self._objects.get(target, call.run.account)
        kept = ((live or {}).get("data") or {}).get(PASSWORD)
        data = {
            USERNAME: encoded(spec.username or kind.first_user),
            PASSWORD: kept or encoded(self._token(PASSWORD_BYTES)),
            DATABASE: encoded(spec.database),
            HOST: encoded(f"{spec.name}.{namespace}.svc"),
            PORT: encoded(str(kind.port)),
        }
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _type(spec: AddonSpec) -> AddonType:
    return TYPES[spec.type or ""]


def _secret_name(spec: AddonSpec) -> str:
    return f"{spec.name}-credentials"


def _pods(call: Call[AddonSpec]) -> Pods:
    spec, kind = call.spec, _type(call.spec)
    context = {"runAsUser": kind.user, "runAsGroup": kind.user, "fsGroup": kind.user}
    container = kind.container(spec.name, _secret_name(spec), _VOLUME)
    image = spec.image_given or f"{kind.image}:{spec.version}"
    more = {"spec": {"securityContext": context, "containers": [container]}}
    return pods_of(call, spec, image, COMPONENT, more)


def _manifests(spec: AddonSpec, template: JsonObject, credentials: JsonObject) -> list[JsonObject]:
    labels, metadata = selected(spec.name, COMPONENT), head(spec, spec.name, COMPONENT)
    size = spec.storage_size or spec.billing.storage or DEFAULT_MEGABYTES
    claim: JsonObject = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{size}Mi"}},
    }
    if spec.storage_class_name is not None:
        claim["storageClassName"] = spec.storage_class_name
    body = {
        "replicas": 1 if spec.replicas is None else spec.replicas,
        "serviceName": spec.name,
        "selector": {"matchLabels": labels},
        "template": template,
        "volumeClaimTemplates": [
            {"metadata": {"name": _VOLUME, "labels": labels}, "spec": claim},
        ],
    }
    port = Port(name="main", internal_port=_type(spec).port, protocol="TCP")
    return [
        credentials,
        service(metadata, [port], labels),
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": body},
    ]


def _outputs(call: Call[AddonSpec], applied: Applied) -> JsonObject:
    """Return what references read: Northflank's `id` and `name`, where it is, the live objects."""
    spec = call.spec
    if spec.manifest is not None:
        return {"id": spec.name, "name": spec.name, "object": applied[0]}
    namespace = spec.project_id or call.context.namespace
    return {
        **by_kind(spec.name, applied),
        "host": f"{spec.name}.{namespace}.svc",
        "port": _type(spec).port,
        "credentials": _secret_name(spec),
    }
