"""The port `Cluster` on the real API server."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from typing_extensions import override

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.guarded import (
    DOCUMENT_MANAGER,
    QUEUE_MANAGER,
    GuardedPatch,
    Operations,
    add,
    escaped,
    remove,
)
from ebbflow.adapters.kube.naming import path_of, segment
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.parsing import parse
from ebbflow.api.base import JsonObject, Resource
from ebbflow.api.template import PendingWrite, Template
from ebbflow.domain.ports import Cluster, SecretObject
from ebbflow.domain.secret import PUBLIC_KEYS, Tainted
from ebbflow.domain.sync import pending_of

R = TypeVar("R", bound=Resource)


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
        self._patch = GuardedPatch(client, own_writes)

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
            operations.append(add("/spec", {}))
        operations.append(add("/spec/document", document))
        operations += _annotate(template, annotations or {})
        return await self._patch(template, operations, manager=DOCUMENT_MANAGER)

    @override
    async def remove_annotations(self, template: Template, names: Collection[str]) -> Template:
        operations = [_remove_annotation(name) for name in names]
        return await self._patch(template, operations, manager=DOCUMENT_MANAGER)

    @override
    async def set_pending_write(self, template: Template, pending: PendingWrite | None) -> Template:
        sync = template.status.sync
        operations: Operations = []
        if pending is None:
            if pending_of(template) is None:
                return template
            operations.append(remove("/status/sync/pendingWrite"))
        else:
            if "status" not in template.model_fields_set:
                operations.append(add("/status", {}))
            if sync is None:
                operations.append(add("/status/sync", {}))
            operations.append(add("/status/sync/pendingWrite", pending.dump()))
        return await self._patch(template, operations, manager=QUEUE_MANAGER, subresource="status")

    async def _read(self, path: str) -> JsonObject | None:
        try:
            return await self._client.request("GET", path)
        except ObjectMissing:
            return None


def _annotate(template: Template, wished: Mapping[str, str | None]) -> Operations:
    there = template.metadata.annotations
    values = {name: text for name, text in wished.items() if text is not None}
    if not there:
        return [add("/metadata/annotations", values)] if values else []
    gone = [_remove_annotation(name) for name in wished if name in there and name not in values]
    return [*gone, *(add(_annotation_path(name), text) for name, text in values.items())]


def _remove_annotation(name: str) -> JsonObject:
    return remove(_annotation_path(name))


def _annotation_path(name: str) -> str:
    return f"/metadata/annotations/{escaped(name)}"


def _decode(value: str) -> Tainted | None:
    """A Secret's value as text; None for binary values, which no credential is."""
    try:
        return Tainted(base64.b64decode(value, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        return None
