"""The port `Objects` on the real API server: any object, as the ServiceAccount of a tenant.

The account goes with each call as a header (`Impersonate-User`); the API server adds the groups of a
ServiceAccount by itself, so the operator needs the right to impersonate ServiceAccounts and no more.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from typing_extensions import override

from ebbflow.adapters.kube.accounts import AccountCheck
from ebbflow.adapters.kube.answer import Answer
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.discovery import Discovery, Served
from ebbflow.adapters.kube.guarded import delete_options
from ebbflow.adapters.kube.naming import APPLY, JSON
from ebbflow.adapters.kube.object_errors import (
    Attempt,
    Refusal,
    error_of,
    is_absent,
    is_kind_absent,
    read_refusal,
    too_large,
)
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import (
    MAX_OBJECT_BYTES,
    Absent,
    Account,
    AccountMissing,
    AccountState,
    Busy,
    Changed,
    Denied,
    Invalid,
    NotAnObject,
    ObjectError,
    ObjectId,
    Objects,
    tainted_texts,
    tainted_where_known,
)
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.secret import PUBLIC_KEYS, Tainted, revealed
from ebbflow.domain.source_archive import PART

PAGE: Final = 500
MOST_LISTED: Final = 5_000

SHORTEST_SECRET: Final = 4
"""Shorter secrets are not looked for in what comes back: they are in every text."""

_NO_NAMES: Final = (".", "..")
"""What would lead elsewhere in a path."""

_SECRET_FIELDS: Final = ("data", "stringData")
_IDENTITY: Final = ("name", "namespace", "uid", "resourceVersion", "generation")


@dataclass(frozen=True, slots=True)
class _Placed:
    """An object, how its kind is served, and the manifest as it is sent (None: none is)."""

    target: ObjectId
    served: Served
    manifest: JsonObject | None = None


class KubeObjects(Objects):
    """Objects of any kind, uncached.

    `on_secret` is told every secret value that was read, and `redact` takes known ones out of the
    API server's words.
    """

    def __init__(
        self,
        client: KubeClient,
        discovery: Discovery,
        system: SystemNamespaces,
        *,
        on_secret: Callable[[Tainted], None],
        redact: Callable[[str], str],
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._system = system
        self._accounts = AccountCheck(client)
        self._on_secret = on_secret
        self._redact = redact

    @override
    async def get(self, target: ObjectId, account: Account) -> JsonObject | None:
        placed = await self._place(target, account)
        path = placed.served.path(placed.target.namespace, placed.target.name)
        return await self._ask("GET", path, self._attempt("get", placed, account))

    @override
    async def find(
        self, group: str, kind: str, namespace: str, labels: Mapping[str, str], account: Account
    ) -> tuple[JsonObject, ...]:
        wanted = ObjectId(group, kind, namespace, "")
        placed = await self._place(wanted, account, of_many=True)
        attempt = self._attempt("list", placed, account)
        path = placed.served.path(placed.target.namespace)
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
        query["limit"] = str(PAGE)
        found: list[JsonObject] = []
        while True:
            page = await self._ask("GET", path, attempt, query=query) or {}
            api_version = "/".join(part for part in (group, placed.served.version) if part)
            head = {"apiVersion": api_version, "kind": kind}
            found += [self._seen(head | item, ()) for item in page.get("items") or ()]
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return tuple(found)
            if len(found) >= MOST_LISTED:
                raise too_large(attempt, f"there are more than {MOST_LISTED}")
            query["continue"] = token

    @override
    async def apply(
        self,
        manifest: JsonObject,
        account: Account,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
    ) -> JsonObject:
        placed = await self._place_manifest(manifest, account)
        attempt = self._attempt("apply", placed, account)
        query = _writing(manager, dry_run=dry_run) | {"force": "true" if force else "false"}
        path = placed.served.path(placed.target.namespace, placed.target.name)
        applied = await self._ask(
            "PATCH", path, attempt, manifest=placed.manifest, content_type=APPLY, query=query
        )
        if applied is None:
            raise Changed(f"{attempt.what}: it was deleted meanwhile", code=HTTPStatus.NOT_FOUND)
        return applied

    @override
    async def create(self, manifest: JsonObject, account: Account, *, manager: str) -> JsonObject:
        placed = await self._place_manifest(manifest, account)
        attempt = self._attempt("create", placed, account)
        created = await self._ask(
            "POST",
            placed.served.path(placed.target.namespace),
            attempt,
            manifest=placed.manifest,
            query=_writing(manager),
        )
        if created is None:
            raise Busy(f"{attempt.what}: no answer", code=0)
        return created

    @override
    async def delete(
        self, target: ObjectId, account: Account, *, uid: str, resource_version: str = ""
    ) -> bool:
        placed = await self._place(target, account)
        options = delete_options(uid, resource_version)
        path = placed.served.path(placed.target.namespace, placed.target.name)
        attempt = self._attempt("delete", placed, account)
        return await self._ask("DELETE", path, attempt, manifest=options) is not None

    @override
    async def check_account(self, account: Account) -> AccountState:
        self._system.refuse_account(account)
        return await self._accounts.look_at(account)

    # Where it is

    async def _place(self, target: ObjectId, account: Account, *, of_many: bool = False) -> _Placed:
        self._system.refuse_account(account)
        parts = (target.group, target.version, target.namespace, target.name, account.name)
        if any(part in _NO_NAMES for part in parts) or not (target.name or of_many):
            raise Invalid(f"{target.title} cannot be the name of an object; correct it", code=0)
        served = await self._discovery.locate(target)
        namespace = (target.namespace or account.namespace) if served.namespaced else ""
        placed = replace(target, namespace=namespace)
        self._system.refuse(placed, account)
        return _Placed(placed, served)

    async def _place_manifest(self, manifest: JsonObject, account: Account) -> _Placed:
        try:
            target = ObjectId.of(_with_a_name(manifest))
        except NotAnObject as error:
            raise Invalid(f"cannot apply an object: {error}", code=0) from None
        placed = await self._place(target, account)
        metadata = {k: v for k, v in manifest["metadata"].items() if k != "namespace"}
        if placed.target.namespace:
            metadata["namespace"] = placed.target.namespace
        return replace(placed, manifest={**manifest, "metadata": metadata})

    def _attempt(self, verb: str, placed: _Placed, account: Account) -> Attempt:
        hidden = _texts(placed.manifest)

        def redact(text: str) -> str:
            for value in hidden:
                text = text.replace(value, "(secret)")
            return self._redact(text)

        return Attempt(verb, placed.target, placed.served, account, redact)

    # Asking

    async def _ask(
        self,
        method: str,
        path: str,
        attempt: Attempt,
        *,
        manifest: JsonObject | None = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> JsonObject | None:
        """Send one request as the account; None if the object is not there. Raises ObjectError."""
        body = None if manifest is None else revealed(manifest)
        if body is not None and (size := len(json.dumps(body))) > MAX_OBJECT_BYTES:
            raise too_large(attempt, f"{size} bytes of JSON, {MAX_OBJECT_BYTES} at most")
        try:
            answer = await self._client.answer(
                method,
                path,
                body=body,
                content_type=content_type,
                query=query,
                impersonate=attempt.account.user,
            )
        except ClusterError as error:
            raise Busy(self._redact(str(error)), code=error.code) from error
        if answer.ok:
            return self._seen(_json(answer), tainted_texts(manifest))
        refusal = read_refusal(answer, attempt.redact)
        if is_absent(refusal, attempt.target):
            return None
        raise await self._error(refusal, attempt)

    async def _error(self, refusal: Refusal, attempt: Attempt) -> ObjectError:
        if is_kind_absent(refusal):
            self._discovery.forget(attempt.served)
            await self._discovery.locate(attempt.target)
        error = error_of(refusal, attempt)
        if isinstance(error, Denied):
            return await self._who_is_denied(error, attempt)
        return error

    async def _who_is_denied(self, error: Denied, attempt: Attempt) -> ObjectError:
        """An account that does not exist is denied everything: say that instead."""
        try:
            state = await self._accounts.look_at(attempt.account)
        except ObjectError:
            return error
        if isinstance(state, Absent):
            return AccountMissing(f"{attempt.what}: {state.message}", code=error.code)
        return error

    def _seen(self, raw: JsonObject, known: frozenset[Tainted] | tuple[()]) -> JsonObject:
        """An object as it is handed out: without managedFields, secrets as such."""
        metadata = raw.get("metadata")
        if not isinstance(metadata, dict):
            return raw
        metadata = {key: value for key, value in metadata.items() if key != "managedFields"}
        shown = raw | {"metadata": metadata}
        long = [secret for secret in known if len(secret.reveal()) >= SHORTEST_SECRET]
        if long:
            hidden: JsonObject = tainted_where_known(shown, long)
            same = {key: metadata[key] for key in _IDENTITY if key in metadata}
            heads = {key: raw[key] for key in ("apiVersion", "kind") if key in raw}
            shown = hidden | heads | {"metadata": hidden["metadata"] | same}
        if raw.get("kind") == "Secret" and raw.get("apiVersion") == "v1":
            shown |= {
                field: self._secret_values(raw[field]) for field in _SECRET_FIELDS if raw.get(field)
            }
        return shown

    def _secret_values(self, values: Mapping[str, str]) -> dict[str, Tainted]:
        for key, value in values.items():
            # Packed files are in no text at all.
            if key not in PUBLIC_KEYS and key != PART:
                self._on_secret(Tainted(_decoded(value)))
        return {key: Tainted(value) for key, value in values.items()}


def _writing(manager: str, *, dry_run: bool = False) -> dict[str, str]:
    query = {"fieldManager": manager, "fieldValidation": "Strict"}
    return query | ({"dryRun": "All"} if dry_run else {})


def _with_a_name(manifest: JsonObject) -> JsonObject:
    """Let a generated name stand for the name, where there is none."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name"):
        return manifest
    generated = metadata.get("generateName")
    return manifest | {"metadata": metadata | {"name": f"{generated}*"}} if generated else manifest


def _texts(manifest: JsonObject | None) -> list[str]:
    """The secrets of a manifest as they may stand in an error, the longest first."""
    if manifest is None:
        return []
    found = {secret.reveal() for secret in tainted_texts(manifest)}
    if manifest.get("kind") == "Secret":
        for field in _SECRET_FIELDS:
            values = manifest.get(field)
            given = values.values() if isinstance(values, dict) else ()
            found |= {value for value in given if isinstance(value, str)}
    found |= {base64.b64encode(text.encode()).decode() for text in found}
    found |= {json.dumps(text)[1:-1] for text in found}
    return sorted((text for text in found if len(text) >= SHORTEST_SECRET), key=len, reverse=True)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return value


def _json(answer: Answer) -> JsonObject:
    try:
        parsed = json.loads(answer.body)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {}
