"""Documents of Runs, kept as ControllerRevisions that the Runs own together.

The API server stores `data` of a ControllerRevision as the bytes that were sent, decodes and encodes
them for each patch of the object, and refuses the patch if they differ then: `data` is immutable.
So that owners can be added, `data` holds the content as one JSON text, spelled as Go spells texts.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from ebbflow.adapters.kube.answer import ObjectExists, ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.guarded import DOCUMENT_MANAGER
from ebbflow.adapters.kube.naming import MERGE_BY_KEY, segment
from ebbflow.api.base import API_VERSION, JsonObject, Resource
from ebbflow.domain.ports import ClusterError, StaleWrite
from ebbflow.domain.run_store import Snapshot

TRIES: Final = 3
"""How often a snapshot may vanish between two requests, as its last owner goes."""


def owner_reference(owner: Resource, *, controller: bool) -> JsonObject:
    """Return what ties an object to `owner`, so that it goes when that goes.

    It never blocks the owner's deletion: setting that takes a right over the owner's finalizers
    where the plugin OwnerReferencesPermissionEnforcement is on.
    """
    reference: JsonObject = {
        "apiVersion": API_VERSION,
        "kind": owner.declaration.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
    }
    return {**reference, "controller": True} if controller else reference


_SPELLED_BY_GO: Final = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
"""What Go's encoding/json writes as escapes (EscapeHTML), and what is no UTF-8."""


def pack(content: JsonObject) -> JsonObject:
    """Return the `data` of a ControllerRevision that holds `content`, whatever is in it."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return {"json": _SPELLED_BY_GO.sub(lambda found: f"\\u{ord(found[0]):04x}", text)}


def unpack(data: object) -> JsonObject:
    """Return the content of such `data`; raises ValueError for anything else."""
    text = data.get("json") if isinstance(data, dict) else None
    content = json.loads(text) if isinstance(text, str) else None
    if not isinstance(content, dict):
        raise ValueError("it holds no document")  # noqa: TRY004 - as for text that is no JSON
    return content


class Snapshots:
    """ControllerRevisions by name: made once, shared by all that own them, never changed."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def keep(self, snapshot: Snapshot, owner: Resource) -> None:
        """Make the snapshot, or have `owner` own the one that is there: one or two requests.

        Raises StaleWrite while one of the name is being deleted, ClusterError if one of the name
        holds something else.
        """
        for _ in range(TRIES):
            if await self._create(snapshot, owner):
                return
            found = await self._join(snapshot, owner)
            if found is not None:
                _check(snapshot, owner, found)
                return
        raise StaleWrite(f"{_named(snapshot, owner)} comes and goes", code=HTTPStatus.CONFLICT)

    async def read(self, namespace: str, name: str) -> JsonObject | None:
        """Return the content of a snapshot; None if it is gone.

        Raises ClusterError if it is no snapshot of ours.
        """
        try:
            raw = await self._client.request("GET", f"{_list(namespace)}/{segment(name)}")
        except ObjectMissing:
            return None
        try:
            return unpack(raw.get("data"))
        except ValueError as error:
            words = f"ControllerRevision {namespace}/{name} was not made by ebbflow: delete it"
            raise ClusterError(words, code=HTTPStatus.CONFLICT) from error

    async def drop(self, namespace: str, name: str) -> None:
        """Delete a snapshot; nothing if it is gone."""
        with suppress(ObjectMissing):
            await self._client.request("DELETE", f"{_list(namespace)}/{segment(name)}")

    async def _create(self, snapshot: Snapshot, owner: Resource) -> bool:
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": snapshot.name,
                "ownerReferences": [owner_reference(owner, controller=False)],
            },
            "data": pack(snapshot.content),
            "revision": 1,
        }
        query = {"fieldManager": DOCUMENT_MANAGER}
        try:
            await self._client.request(
                "POST", _list(owner.metadata.namespace), body=body, query=query
            )
        except ObjectExists:
            return False
        return True

    async def _join(self, snapshot: Snapshot, owner: Resource) -> JsonObject | None:
        """Add the owner to those that are there; None if it is gone meanwhile.

        The API server merges owner references by their uid, so that nobody's is lost and nothing
        need be read first. The garbage collector deletes only the version that it looked at.
        """
        reference = owner_reference(owner, controller=False)
        try:
            return await self._client.request(
                "PATCH",
                f"{_list(owner.metadata.namespace)}/{segment(snapshot.name)}",
                body={"metadata": {"ownerReferences": [reference]}},
                content_type=MERGE_BY_KEY,
                query={"fieldManager": DOCUMENT_MANAGER},
            )
        except ObjectMissing:
            return None
        except ClusterError as error:
            if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:
                raise _not_ours(snapshot, owner) from error
            raise


def _check(snapshot: Snapshot, owner: Resource, found: JsonObject) -> None:
    """Make sure that what is there will stay, and is what it should be.

    Its name says what it holds, but somebody who knew the name may have made it first.
    """
    if found["metadata"].get("deletionTimestamp"):
        words = f"{_named(snapshot, owner)} is being deleted"
        raise StaleWrite(words, code=HTTPStatus.CONFLICT)
    if found.get("data") != pack(snapshot.content):
        raise _not_ours(snapshot, owner)


def _not_ours(snapshot: Snapshot, owner: Resource) -> ClusterError:
    words = f"{_named(snapshot, owner)} holds another document than its name says; delete it"
    return ClusterError(words, code=HTTPStatus.CONFLICT)


def _named(snapshot: Snapshot, owner: Resource) -> str:
    return f"ControllerRevision {owner.metadata.namespace}/{snapshot.name}"


def _list(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{segment(namespace)}/controllerrevisions"
