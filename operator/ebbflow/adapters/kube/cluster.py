"""The port `Cluster` on the real API server."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

from typing_extensions import override

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import JSON_PATCH, path_of, segment
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.parsing import parse
from ebbflow.api.base import JsonObject, Resource
from ebbflow.api.template import PendingWrite, Template
from ebbflow.domain.ports import Cluster, ClusterError, SecretObject, StaleWrite
from ebbflow.domain.secret import Tainted

R = TypeVar("R", bound=Resource)
Operations = list[JsonObject]

DOCUMENT_MANAGER: Final = "ebbflow"
QUEUE_MANAGER: Final = "ebbflow-queue"

PUBLIC_KEYS: Final = frozenset(
    ("username", "knownHosts", "appID", "installationID", "clientID", "ca.crt", "tls.crt")
)
"""Keys of a Secret whose values are no secrets: a user name is an ordinary word in other texts."""


@dataclass(frozen=True, slots=True)
class SecretValues:
    """A Secret's annotations and values. Its `repr` holds no value."""

    annotations: Mapping[str, str]
    data: Mapping[str, Tainted]


class KubeCluster(Cluster):
    """Objects, read uncached and written by compare-and-swap.

    `on_secret` is told every secret value that was read, so that logs can leave it out.
    """

    def __init__(
        self, client: KubeClient, own_writes: OwnWrites, on_secret: Callable[[Tainted], None]
    ) -> None:
        self._client = client
        self._on_secret = on_secret
        self.own_writes = own_writes

    @override
    async def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        raw = await self._read(path_of(kind.declaration, namespace, name))
        return None if raw is None else parse(kind, raw)

    @override
    async def get_secret(self, namespace: str, name: str) -> SecretObject | None:
        raw = await self._read(f"/api/v1/namespaces/{segment(namespace)}/secrets/{segment(name)}")
        if raw is None:
            return None
        values = {key: _decode(value) for key, value in (raw.get("data") or {}).items()}
        data = {key: value for key, value in values.items() if value is not None}
        for key, value in data.items():
            if key not in PUBLIC_KEYS:
                self._on_secret(value)
        return SecretValues(annotations=raw["metadata"].get("annotations") or {}, data=data)

    @override
    async def get_namespace_labels(self, name: str) -> Mapping[str, str] | None:
        raw = await self._read(f"/api/v1/namespaces/{segment(name)}")
        return None if raw is None else raw["metadata"].get("labels") or {}

    @override
    async def replace_document(
        self,
        template: Template,
        document: JsonObject,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Template:
        operations: Operations = []
        if "spec" not in template.model_fields_set:
            operations.append(_add("/spec", {}))
        operations.append(_add("/spec/document", document))
        operations += _annotate(template, annotations or {})
        return await self._patch(template, operations, "", DOCUMENT_MANAGER)

    @override
    async def remove_annotations(self, template: Template, names: Collection[str]) -> Template:
        operations = [_remove_annotation(name) for name in names]
        return await self._patch(template, operations, "", DOCUMENT_MANAGER)

    @override
    async def set_pending_write(self, template: Template, pending: PendingWrite | None) -> Template:
        sync = template.status.sync
        operations: Operations = []
        if pending is None:
            if sync is None or sync.pending_write is None:
                return template
            operations.append({"op": "remove", "path": "/status/sync/pendingWrite"})
        else:
            if "status" not in template.model_fields_set:
                operations.append(_add("/status", {}))
            if sync is None:
                operations.append(_add("/status/sync", {}))
            operations.append(_add("/status/sync/pendingWrite", pending.dump()))
        return await self._patch(template, operations, "status", QUEUE_MANAGER)

    async def _read(self, path: str) -> JsonObject | None:
        try:
            return await self._client.request("GET", path)
        except ObjectMissing:
            return None

    async def _patch(
        self, template: Template, operations: Operations, subresource: str, manager: str
    ) -> Template:
        """Patch the object if it is still the one that was read; raises StaleWrite if it is not.

        Replacing the version makes a stale write a 409. A patch of a path that is gone meanwhile
        is refused before that is looked at (422), and so is one of an object made anew under the
        name (its uid); both are stale all the same.
        """
        meta = template.metadata
        guarded: Operations = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": meta.resource_version},
            *operations,
        ]
        path = path_of(template.declaration, meta.namespace, meta.name)
        try:
            raw = await self._client.request(
                "PATCH",
                f"{path}/{subresource}" if subresource else path,
                body=guarded,
                content_type=JSON_PATCH,
                query={"fieldManager": manager},
            )
        except ObjectMissing as error:
            raise StaleWrite(str(error), code=error.code) from error
        except ClusterError as error:
            if error.code == HTTPStatus.UNPROCESSABLE_ENTITY and await self._moved(path, template):
                raise StaleWrite(str(error), code=error.code) from error
            raise
        stored = raw["metadata"]
        self.own_writes.note(stored["uid"], stored["resourceVersion"])
        return parse(Template, raw)

    async def _moved(self, path: str, template: Template) -> bool:
        raw = await self._read(path)
        return raw is None or raw["metadata"]["resourceVersion"] != (
            template.metadata.resource_version
        )


def _add(path: str, value: object) -> JsonObject:
    return {"op": "add", "path": path, "value": value}


def _annotate(template: Template, wished: Mapping[str, str | None]) -> Operations:
    there = template.metadata.annotations
    values = {name: text for name, text in wished.items() if text is not None}
    if not there:
        return [_add("/metadata/annotations", values)] if values else []
    gone = [_remove_annotation(name) for name in wished if name in there and name not in values]
    return [*gone, *(_add(_annotation_path(name), text) for name, text in values.items())]


def _remove_annotation(name: str) -> JsonObject:
    return {"op": "remove", "path": _annotation_path(name)}


def _annotation_path(name: str) -> str:
    # RFC 6901: ~ and / of a key are written ~0 and ~1.
    return "/metadata/annotations/" + name.replace("~", "~0").replace("/", "~1")


def _decode(value: str) -> Tainted | None:
    """A Secret's value as text; None for binary values, which no credential is."""
    try:
        return Tainted(base64.b64decode(value, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        return None
