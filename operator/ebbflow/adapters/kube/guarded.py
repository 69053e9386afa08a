"""Writes to an object, or its deletion, only if it is still as it was read."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final, TypeVar

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import JSON_PATCH, path_of
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.parsing import parse
from ebbflow.api.base import JsonObject, Resource
from ebbflow.domain.ports import ClusterError, StaleWrite

R = TypeVar("R", bound=Resource)
Operations = list[JsonObject]

DOCUMENT_MANAGER: Final = "ebbflow"
QUEUE_MANAGER: Final = "ebbflow-queue"

log = logging.getLogger(__name__)


class GuardedPatch:
    """JSON patches that compare and swap on the resourceVersion; most are noted as our own."""

    def __init__(self, client: KubeClient, own_writes: OwnWrites) -> None:
        self._client = client
        self._own_writes = own_writes

    async def __call__(
        self,
        observed: R,
        operations: Operations,
        *,
        manager: str,
        subresource: str = "",
        own: bool = True,
    ) -> R:
        """Patch the object if it is still the one that was read; raises StaleWrite if it is not.

        Replacing the version makes a stale write a 409. A patch of a path that is gone meanwhile
        is refused before that is looked at (422), and so is one of an object made anew under the
        name (its uid); both are stale all the same. `own`: the event of this write wakes no pass.
        """
        with self._own_writes.writing(observed.metadata.uid):
            return await self._written(observed, operations, manager, subresource, own=own)

    async def _written(
        self, observed: R, operations: Operations, manager: str, subresource: str, *, own: bool
    ) -> R:
        meta = observed.metadata
        path = path_of(observed.declaration, meta.namespace, meta.name)
        try:
            raw = await self._client.request(
                "PATCH",
                f"{path}/{subresource}" if subresource else path,
                body=[replace("/metadata/resourceVersion", meta.resource_version), *operations],
                content_type=JSON_PATCH,
                query={"fieldManager": manager},
            )
        except ObjectMissing as error:
            raise StaleWrite(str(error), code=error.code) from error
        except ClusterError as error:
            if error.code == HTTPStatus.UNPROCESSABLE_ENTITY and await self._moved(path, observed):
                raise StaleWrite(str(error), code=error.code) from error
            raise
        if own:
            self._own_writes.note(raw["metadata"]["uid"], raw["metadata"]["resourceVersion"])
        return parse(type(observed), raw)

    async def _moved(self, path: str, observed: Resource) -> bool:
        try:
            raw = await self._client.request("GET", path)
        except ObjectMissing:
            return True
        seen: str = raw["metadata"]["resourceVersion"]
        return seen != observed.metadata.resource_version


async def delete_observed(client: KubeClient, observed: Resource) -> None:
    """Delete the very object that was read; nothing if it is gone, or made anew under its name.

    Raises ClusterError where the API server refuses.
    """
    meta = observed.metadata
    path = path_of(observed.declaration, meta.namespace, meta.name)
    try:
        await client.request("DELETE", path, body=delete_options(meta.uid))
    except (ObjectMissing, StaleWrite) as error:
        log.debug("%s needs no deletion any more: %s", observed.key, error)


def delete_options(uid: str, resource_version: str = "") -> JsonObject:
    """Return the body of a deletion of the object with this uid, if it still has this version.

    Without a version any will do. What the object owns goes after it.
    """
    given = {"uid": uid, "resourceVersion": resource_version}
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {key: value for key, value in given.items() if value},
    }


def add(path: str, value: object) -> JsonObject:
    """Return the operation that puts `value` there, whether something is there or not."""
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: object) -> JsonObject:
    """Return the operation that puts `value` in place of what is there."""
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> JsonObject:
    """Return the operation that removes what is there."""
    return {"op": "remove", "path": path}


def escaped(key: str) -> str:
    """Return a key as one step of a path (RFC 6901: ~ and / are written ~0 and ~1)."""
    return key.replace("~", "~0").replace("/", "~1")
