"""The Secret of the operator's own that its replicas share, written by compare-and-swap."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import JsonObject
from ebbflow.domain.ports import StaleWrite

TRIES: Final = 5

Values = Mapping[str, str]
Change = Callable[[Values], Values]
"""From what the Secret holds to what it should hold; equal values mean that it is fine."""


class NoNamespace(Exception):
    """None of the namespaces that the Secret may be in exists."""


class CredentialSecret:
    """One Secret, in the first of `namespaces` that exists."""

    def __init__(self, client: KubeClient, namespaces: Sequence[str], name: str) -> None:
        self._client = client
        self._namespaces = namespaces
        self._name = name

    async def bring(self, change: Change) -> Values:
        """Bring the Secret to what `change` makes of it, creating it if it is missing.

        Returns what it holds then. Raises NoNamespace, and ClusterError where the API server
        refuses. Of several replicas that change it at once one wins, the others take its values.
        """
        for namespace in self._namespaces:
            try:
                return await self._bring(namespace, change)
            except ObjectMissing:
                continue  # to create it there takes the namespace
        raise NoNamespace(
            f"the namespace {self._namespaces[0]} for the Secret {self._name} does not exist; "
            f"create it: kubectl create namespace {self._namespaces[0]}"
        )

    async def _bring(self, namespace: str, change: Change) -> Values:
        for _ in range(TRIES - 1):
            try:
                return await self._try(namespace, change)
            except StaleWrite:
                continue
        return await self._try(namespace, change)

    async def _try(self, namespace: str, change: Change) -> Values:
        folder = f"/api/v1/namespaces/{segment(namespace)}/secrets"
        path = f"{folder}/{segment(self._name)}"
        try:
            found = await self._client.request("GET", path)
        except ObjectMissing:
            wished = change({})
            await self._client.request("POST", folder, body=self._secret({}, wished))
            return wished
        held = {
            key: text for key, value in (found.get("data") or {}).items() if (text := _text(value))
        }
        wished = change(held)
        if wished != held:
            body = self._secret(found["metadata"], wished) | {"type": found.get("type")}
            try:
                await self._client.request("PUT", path, body=body)
            except ObjectMissing as error:
                raise StaleWrite(str(error), code=error.code) from error
        return wished

    def _secret(self, metadata: JsonObject, values: Values) -> JsonObject:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata
            or {"name": self._name, "labels": {"app.kubernetes.io/part-of": "ebbflow"}},
            "type": "Opaque",
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in values.items()},
        }


def _text(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
