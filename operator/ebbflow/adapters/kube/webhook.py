"""This operator's entry in the MutatingWebhookConfiguration `ebbflow`.

One object for all operators of a cluster, so that their rights can name it; each has an entry of
its own in it and writes the object by compare-and-swap, so that none undoes another's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.api.base import GROUP, VERSION, JsonObject, Resource
from ebbflow.api.crd import PART_OF
from ebbflow.api.rbac import WEBHOOK_CONFIGURATION
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.edit_record import ANNOTATION
from ebbflow.domain.ports import StaleWrite

KINDS_WITH_DOCUMENT: Final = (Template,)
TIMEOUT_SECONDS: Final = 2
TRIES: Final = 5

_FOLDER: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_PATH: Final = f"{_FOLDER}/{WEBHOOK_CONFIGURATION}"


def _recorded(thing: str) -> str:
    """Return the CEL that an object has a record of its edits."""
    return f"(has({thing}.metadata.annotations) && '{ANNOTATION}' in {thing}.metadata.annotations)"


_SAYS_ANYTHING: Final = {
    "name": "has-a-document-or-a-record",
    "expression": (
        "request.operation != 'CREATE' || (has(object.spec) && has(object.spec.document)) || "
        f"{_recorded('object')} || request.resource.resource == '{Run.declaration.plural}'"
    ),
}
"""A new object without a document has no editor, and is spared the way to us and back."""

_MADE: Final = (Run,)
"""The kinds of which it is recorded who makes them. Later writes need not come to us."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the API server finds the server in a pod."""

    namespace: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Url:
    """Where the API server finds the server outside a pod, without the path."""

    url: str


Endpoint = Service | Url


@dataclass(frozen=True, slots=True)
class Writer:
    """Whose writes are the operator's: its user at the API server, with its field manager."""

    user: str
    manager: str

    @property
    def is_another(self) -> JsonObject:
        """The condition that spares the operator's own writes the way to us and back.

        Its Runs bring their record with them, and what it writes over a document that nobody is
        recorded for needs none (`edit_record.after_edit`). A record that is there goes on.
        """
        own = (
            f"request.userInfo.username == {json.dumps(self.user)} && "
            "has(request.options.fieldManager) && "
            f"request.options.fieldManager == {json.dumps(self.manager)} && "
            f"(request.resource.resource == '{Run.declaration.plural}' || "
            f"(oldObject != null && !{_recorded('oldObject')} && !{_recorded('object')}))"
        )
        return {"name": "is-not-of-the-operator", "expression": f"!({own})"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One webhook: its name, where it is, whom to trust there, and which namespaces are sent.

    `own`: as whom the operator writes.
    """

    name: str
    endpoint: Endpoint
    path: str
    authorities: str
    namespaces: tuple[str, ...]
    own: Writer | None = None

    def wire(self) -> JsonObject:
        """Return the webhook as the API server holds it, every default spelled out."""
        client: JsonObject = {"caBundle": base64.b64encode(self.authorities.encode()).decode()}
        match self.endpoint:
            case Service(namespace, name, port):
                where = {"namespace": namespace, "name": name, "port": port, "path": self.path}
                client["service"] = where
            case Url(url):
                client["url"] = url + self.path
        return {
            "name": self.name,
            "clientConfig": client,
            "rules": [
                _rule(("CREATE", "UPDATE"), KINDS_WITH_DOCUMENT),
                _rule(("CREATE",), _MADE),
            ],
            "failurePolicy": "Ignore",  # an edit never waits for the operator to come back
            "matchPolicy": "Equivalent",
            "sideEffects": "None",
            "timeoutSeconds": TIMEOUT_SECONDS,
            "reinvocationPolicy": "Never",
            "admissionReviewVersions": ["v1"],
            "matchConditions": [_SAYS_ANYTHING, *([self.own.is_another] if self.own else [])],
            "objectSelector": {},
            "namespaceSelector": _selector(self.namespaces),
        }


def _rule(operations: Sequence[str], kinds: Sequence[type[Resource]]) -> JsonObject:
    return {
        "operations": list(operations),
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "resources": [kind.declaration.plural for kind in kinds],
        "scope": "Namespaced",
    }


def _selector(namespaces: Sequence[str]) -> JsonObject:
    if not namespaces:
        return {}
    values = sorted(namespaces)
    return {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": values}
        ]
    }


class WebhookRegistration:
    """Puts entries into the configuration and takes them out; ClusterErrors are the caller's."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def put(self, entry: Entry) -> bool:
        """Make sure that the entry is there, exactly so; returns whether it had to be written."""
        return await self._change(entry.name, entry.wire())

    async def remove(self, entry: Entry) -> bool:
        """Take the entry out if it is still this very one; returns whether it was."""
        return await self._change(entry.name, None, only=entry.wire())

    async def _change(
        self, name: str, wished: JsonObject | None, only: JsonObject | None = None
    ) -> bool:
        for _ in range(TRIES - 1):
            try:
                return await self._try(name, wished, only)
            except StaleWrite:
                continue  # another operator wrote its own entry
        return await self._try(name, wished, only)

    async def _try(self, name: str, wished: JsonObject | None, only: JsonObject | None) -> bool:
        try:
            found = await self._client.request("GET", _PATH)
        except ObjectMissing:
            if wished is None:
                return False
            await self._client.request("POST", _FOLDER, body=_configuration({}, [wished]))
            return True
        entries: list[JsonObject] = found.get("webhooks") or []
        mine = next((each for each in entries if each["name"] == name), None)
        if mine == wished or (only is not None and mine != only):
            return False
        others = [each for each in entries if each["name"] != name]
        body = _configuration(found["metadata"], [*others, wished] if wished else others)
        await self._client.request("PUT", _PATH, body=body)
        return True


def _configuration(metadata: JsonObject, webhooks: list[JsonObject]) -> JsonObject:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": metadata or {"name": WEBHOOK_CONFIGURATION, "labels": dict(PART_OF)},
        "webhooks": webhooks,
    }
