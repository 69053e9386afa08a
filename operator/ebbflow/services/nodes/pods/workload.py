"""The pods of the short forms: a template from a spec, and a Secret for what may not be read in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import Objects, tainted_texts
from ebbflow.domain.pods.overrides import overridden
from ebbflow.domain.pods.restricted import CONTAINER_LISTS
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    Planned,
    Result,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.objects.applying import Applying, apply_and_wait, plan_objects
from ebbflow.services.nodes.objects.file_contents import key_of
from ebbflow.services.nodes.objects.object_texts import encoded
from ebbflow.services.nodes.objects.short_form import DESCRIPTION
from ebbflow.services.nodes.pods.tenant_pods import as_tenant
from ebbflow.services.nodes.pods.workload_spec import PodSpec

NAME: Final = "app.kubernetes.io/name"
COMPONENT: Final = "app.kubernetes.io/component"
RUNTIME: Final = f"{GROUP}/runtime"
"""The annotation of pods that changes with their Secret, so that they are made anew."""

_FILES: Final = "runtime-files"
_SHM: Final = "shm"


@dataclass(frozen=True, slots=True)
class Pods:
    """The pod template of a workload, and the Secret that it needs, if it needs one."""

    template: JsonObject
    secret: JsonObject | None = None

    def with_digest(self, digest: str) -> JsonObject:
        """Return the template, marked with the digest of what is in the Secret."""
        return overridden(self.template, {"metadata": {"annotations": {RUNTIME: digest}}})


def pods_of(
    call: Call[Any], spec: PodSpec, image: str, component: str, more: JsonObject | None = None
) -> Pods:
    """Return the pods that a spec asks for: restricted, and with nothing that is not allowed.

    `component` tells them from the pods of another form of the same name. `more`: fields of the
    template that the form itself gives. Raises CannotDo.
    """
    secret_name = f"{spec.name}-{component}-runtime"
    own = overridden(_template(spec, image, component, secret_name), more or {})
    template, kept = _without_secrets(overridden(own, spec.pod_template), secret_name)
    # The labels are what selects the pods, whatever the override has.
    template = overridden(template, {"metadata": {"labels": selected(spec.name, component)}})
    namespace = spec.project_id or call.context.namespace
    template = as_tenant(template, call.run.account, namespace, "spec.podTemplate")
    files = {
        key_of(path): file.encoded("spec.runtimeFiles", path)
        for path, file in spec.runtime_files.items()
    }
    if not (kept or files):
        return Pods(template)
    metadata = head(spec, secret_name, component)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": kept | files}
    return Pods(template, secret)


def selected(name: str, component: str) -> dict[str, str]:
    """Return the labels that the pods of a form have, and no others do."""
    return {NAME: name, COMPONENT: component}


def head(spec: PodSpec, name: str, component: str) -> JsonObject:
    """Return the metadata of an object that belongs to the form."""
    said = {DESCRIPTION: spec.description} if spec.description else {}
    annotations = {**said, **spec.annotations}
    labels = {**spec.labels, **selected(spec.name, component)}
    made = {"name": name, "namespace": spec.project_id, "labels": labels}
    return made | ({"annotations": annotations} if annotations else {})


async def apply_workload(
    objects: Objects,
    cel: CelCompiler,
    call: Call[Any],
    pods: Pods,
    manifests: Callable[[JsonObject], Iterable[JsonObject]],
    how: Applying,
) -> Result:
    """Apply the Secret of the pods, then the objects that `manifests` makes of their template."""
    if pods.secret is None:
        return await apply_and_wait(objects, cel, call, manifests(pods.template), how)
    first = await apply_and_wait(objects, cel, call, [pods.secret], Applying())
    match first:
        case Failed():
            return first
        case Working():
            # The others were not applied yet.
            return replace(first, anew=True, outputs=None, applied=())
        case Succeeded():
            template = pods.with_digest(_digest(pods.secret, first.applied[0]))
            rest = await apply_and_wait(objects, cel, call, manifests(template), how)
            if isinstance(rest, Failed):
                return rest
            return replace(rest, applied=(*first.applied, *rest.applied))


async def plan_workload(
    objects: Objects,
    call: Call[Any],
    pods: Pods,
    manifests: Callable[[JsonObject], Iterable[JsonObject]],
) -> Planned:
    """Say what `apply_workload` would change."""
    if pods.secret is None:
        return await plan_objects(objects, call, manifests(pods.template), Applying())
    first = await plan_objects(objects, call, [pods.secret], Applying())
    template = pods.with_digest(_digest(pods.secret, first.applied[0]))
    rest = await plan_objects(objects, call, manifests(template), Applying())
    return Planned((*first.changes, *rest.changes), rest.outputs, (*first.applied, *rest.applied))


def _digest(secret: JsonObject, live: JsonObject) -> str:
    """Return what changes with the Secret's data and tells nothing of it: whoever may not read the
    Secret does not know its uid either, so a guess at the data cannot be tried.
    """
    whole = hashlib.sha256(str(live["metadata"].get("uid")).encode())
    for key, value in sorted(secret["data"].items()):
        whole.update(f"\0{key}\0{value.fingerprint()}".encode())
    return whole.hexdigest()[:16]


def _template(spec: PodSpec, image: str, component: str, secret_name: str) -> JsonObject:
    pod: JsonObject = {"containers": [_container(spec, image)]}
    volumes = []
    if spec.runtime_files:
        volumes.append({"name": _FILES, "secret": {"secretName": secret_name}})
    shm = spec.deployment.storage.shm_size
    if shm is not None:
        volumes.append({"name": _SHM, "emptyDir": {"medium": "Memory", "sizeLimit": f"{shm}Mi"}})
    if volumes:
        pod["volumes"] = volumes
    external = spec.deployment.external
    if external is not None and external.credentials:
        pod["imagePullSecrets"] = [{"name": external.credentials}]
    if spec.deployment.grace_period_seconds is not None:
        pod["terminationGracePeriodSeconds"] = spec.deployment.grace_period_seconds
    labels = {**spec.labels, **selected(spec.name, component)}
    return {"metadata": {"labels": labels}, "spec": pod}


def _container(spec: PodSpec, image: str) -> JsonObject:
    docker = spec.deployment.docker
    given: JsonObject = {
        "command": list(spec.command) if spec.command is not None else docker.entrypoint,
        "args": list(spec.args) if spec.args is not None else docker.command,
        "env": _variables(spec),
        "envFrom": list(spec.env_from),
        "resources": _resources(spec),
        "volumeMounts": _mounts(spec),
        "securityContext": spec.security_context,
    }
    return {"name": spec.name, "image": image} | {k: v for k, v in given.items() if v}


def _variables(spec: PodSpec) -> list[JsonObject]:
    made = {
        name: {"name": name, "value": value} for name, value in spec.runtime_environment.items()
    }
    return list((made | {one["name"]: one for one in spec.env}).values())


def _resources(spec: PodSpec) -> JsonObject:
    ephemeral = spec.deployment.storage.ephemeral_storage
    if ephemeral is None:
        return spec.resources or {}
    limits = {"ephemeral-storage": f"{ephemeral.storage_size}Mi"}
    return overridden({"limits": limits}, spec.resources or {})


def _mounts(spec: PodSpec) -> list[JsonObject]:
    mounts: list[JsonObject] = [
        {"name": _FILES, "mountPath": path, "subPath": key_of(path), "readOnly": True}
        for path in spec.runtime_files
    ]
    if spec.deployment.storage.shm_size is not None:
        mounts.append({"name": _SHM, "mountPath": "/dev/shm"})  # noqa: S108
    return mounts


def _without_secrets(template: JsonObject, secret_name: str) -> tuple[JsonObject, JsonObject]:
    """Return the template with references where variables hold secrets, and what they refer to."""
    kept: JsonObject = {}
    lists = {
        key: [_by_reference(one, secret_name, kept) for one in template["spec"][key]]
        for key in CONTAINER_LISTS
        if isinstance(template["spec"].get(key), list)
    }
    made = {**template, "spec": {**template["spec"], **lists}}
    if tainted_texts(made):
        raise CannotDo(
            "a secret would be readable in the pod template; give it to the container as an "
            "environment variable or a file"
        )
    return made, kept


def _by_reference(container: Any, secret_name: str, kept: JsonObject) -> Any:
    variables = container.get("env") if isinstance(container, dict) else None
    if not isinstance(variables, list):
        return container
    made = []
    for one in variables:
        if not _is_secret(one):
            made.append(one)
            continue
        key = key_of(f"{container.get('name')}.{one['name']}")
        kept[key] = encoded(one["value"])
        reference = {"secretKeyRef": {"name": secret_name, "key": key}}
        made.append({"name": one["name"], "valueFrom": reference})
    return {**container, "env": made}


def _is_secret(variable: Any) -> bool:
    named = isinstance(variable, dict) and isinstance(variable.get("name"), str)
    return named and bool(tainted_texts(variable.get("value")))
