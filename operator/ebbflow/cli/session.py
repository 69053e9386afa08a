"""A command's conversation with the API server, in the name of the kubeconfig's user."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import aiohttp
from typing_extensions import override

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient, RestMetrics
from ebbflow.adapters.kube.identity import own_user
from ebbflow.adapters.kube.listing import PAGE, each_object
from ebbflow.adapters.kube.naming import JSON, JSON_PATCH, MERGE_PATCH, list_path, path_of, segment
from ebbflow.adapters.kube.parsing import parse
from ebbflow.adapters.kube.snapshots import Snapshots
from ebbflow.api.base import API_VERSION, GROUP, VERSION, JsonObject, Resource
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.cli.options import Where
from ebbflow.cli.problem import Problem, not_found
from ebbflow.domain.ports import ClusterError, StaleWrite

T = TypeVar("T")
R = TypeVar("R", bound=Resource)

FIELD_MANAGER: Final = "ebbflow-cli"

WATCH_SECONDS: Final = 240
SILENCE_SECONDS: Final = 300.0
"""A watch of one Run may be quiet for as long as the API server keeps it open."""

PAUSE_SECONDS: Final = 1.0
"""Between two tries to watch: an API server that restarts is away for some seconds."""

TRIES: Final = 8
"""How often a change is made anew because somebody else changed the object at the same time."""

LIST_RUNS: Final = "`ebbflow runs` lists those that there are"
LIST_TRIGGERS: Final = "`kubectl get gittriggers.ebbflow.dev` lists those that there are"
LIST_TEMPLATES: Final = "`kubectl get templates.ebbflow.dev` lists those that there are"


# Else what it warns of stands beside what we say of the same: a kubeconfig that is missing.
logging.getLogger("kubernetes").addHandler(logging.NullHandler())


class _Uncounted(RestMetrics):
    @override
    def rest_request(self, code: str, method: str, host: str, seconds: float) -> None:
        """A command serves no metrics."""


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """An object as the API server sent it, and as the model that reads it."""

    raw: JsonObject
    model: R


@dataclass(frozen=True, slots=True)
class Session:
    """Requests of one command; `namespace` is the one that it works in."""

    client: KubeClient
    namespace: str
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def user(self) -> str:
        """Return our own user name, as the API server knows us."""
        return await own_user(self.client)

    async def run(self, name: str) -> Found[Run]:
        """Read one Run. Raises Problem if it does not exist."""
        return await self._get(Run, name, LIST_RUNS)

    async def template(self, name: str) -> Found[Template]:
        """Read one Template. Raises Problem if it does not exist."""
        return await self._get(Template, name, LIST_TEMPLATES)

    async def runs(self, selector: dict[str, str], *, everywhere: bool = False) -> list[Found[Run]]:
        """List the Runs whose fields are so (`spec.source.name` and the like), newest first."""
        path = list_path(Run.declaration, self.namespace)
        if everywhere:
            path = f"/apis/{GROUP}/{VERSION}/{Run.declaration.plural}"
        found = await self._list(Run, path, selector)
        return sorted(found, key=_newest_first, reverse=True)

    async def trigger(self, name: str) -> Found[GitTrigger]:
        """Read one GitTrigger. Raises Problem if it does not exist."""
        return await self._get(GitTrigger, name, LIST_TRIGGERS)

    async def account(self, name: str) -> Found[GitAccount] | None:
        """Read one GitAccount; None if it does not exist."""
        try:
            return await self._get(GitAccount, name, "")
        except Problem:
            return None

    async def triggers(self) -> list[Found[GitTrigger]]:
        """List the GitTriggers of the namespace, by name."""
        found = await self._list(GitTrigger, list_path(GitTrigger.declaration, self.namespace), {})
        return sorted(found, key=lambda one: one.model.metadata.name)

    async def _list(self, kind: type[R], path: str, selector: dict[str, str]) -> list[Found[R]]:
        wanted = ",".join(f"{key}={value}" for key, value in selector.items())
        query = {"fieldSelector": wanted} if selector else {}
        about = {"apiVersion": API_VERSION, "kind": kind.declaration.kind}
        return [
            _found(kind, {**about, **raw}) async for raw in each_object(self.client, path, query)
        ]

    async def names(self, plural: str) -> list[str]:
        """Return the names of the first objects of a kind, for completion."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{segment(self.namespace)}/{plural}"
        page = await self.client.request("GET", path, query={"limit": str(PAGE)})
        return [raw["metadata"]["name"] for raw in page["items"]]

    async def document(self, run: Run) -> JsonObject | None:
        """Return the content that a Run keeps a copy of; None before it began, or if it is gone."""
        kept = run.status.document_ref
        if kept is None:
            return None
        return await Snapshots(self.client).read(run.metadata.namespace, kept.name)

    async def create_run(self, spec: JsonObject, *, name: str) -> Found[Run]:
        """Make a Run; a name that ends with `-` is completed by the API server.

        Raises Problem if there is a Run of this name.
        """
        path = list_path(Run.declaration, self.namespace)
        key = "generateName" if name.endswith("-") else "name"
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": Run.declaration.kind,
            "metadata": {key: name},
            "spec": spec,
        }
        query = {"fieldManager": FIELD_MANAGER}
        try:
            return _found(Run, await self.client.request("POST", path, body=body, query=query))
        except ClusterError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            raise Problem(
                f"there is a Run {name} already",
                f"namespace {self.namespace}",
                "choose another name",
            ) from error

    async def delete_run(self, run: Run) -> None:
        """Delete a Run; nothing if it is gone."""
        path = path_of(run.declaration, run.metadata.namespace, run.metadata.name)
        try:
            await self.client.request("DELETE", path)
        except ObjectMissing:
            return

    async def change_run(self, name: str, change: Callable[[Run], list[JsonObject]]) -> Found[Run]:
        """Patch a Run by what `change` says of it as it is; anew if it changed meanwhile.

        No request if there is nothing to change. Raises what `change` raises.
        """
        for _ in range(TRIES):
            found = await self.run(name)
            operations = change(found.model)
            if not operations:
                return found
            meta = found.model.metadata
            guard = {
                "op": "replace",
                "path": "/metadata/resourceVersion",
                "value": meta.resource_version,
            }
            try:
                raw = await self.client.request(
                    "PATCH",
                    path_of(Run.declaration, meta.namespace, meta.name),
                    body=[guard, *operations],
                    content_type=JSON_PATCH,
                    query={"fieldManager": FIELD_MANAGER},
                )
            except StaleWrite:
                continue
            return _found(Run, raw)
        raise Problem(f"the Run {name} changes all the time", self.namespace, "try again")

    async def change_trigger(self, name: str, spec: JsonObject) -> Found[GitTrigger]:
        """Set fields of a GitTrigger's spec; None takes one away. Raises Problem."""
        try:
            raw = await self.client.request(
                "PATCH",
                path_of(GitTrigger.declaration, self.namespace, name),
                body={"spec": spec},
                content_type=MERGE_PATCH,
                query={"fieldManager": FIELD_MANAGER},
            )
        except (ObjectMissing, ValueError):
            raise not_found("GitTrigger", name, self.namespace, LIST_TRIGGERS) from None
        return _found(GitTrigger, raw)

    async def follow(self, name: str) -> AsyncIterator[Found[Run]]:
        """Yield a Run as it is and whenever it changes; never ends by itself.

        A watch that breaks off is opened again. Raises Problem if the Run is deleted.
        """
        while True:
            found = await self.run(name)
            yield found
            version = found.model.metadata.resource_version
            try:
                async for raw in self._events(name, version):
                    yield _found(Run, raw)
            except (aiohttp.ClientError, OSError):
                await self.pause(PAUSE_SECONDS)

    async def _events(self, name: str, version: str) -> AsyncIterator[JsonObject]:
        """Yield the object at each of its changes, until the API server ends the watch."""
        query = {
            "watch": "1",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        path = list_path(Run.declaration, self.namespace)
        async with self.client.stream(
            path, query, impersonate=None, accept=JSON, silence=SILENCE_SECONDS
        ) as response:
            if response.status != HTTPStatus.OK:
                await self.pause(PAUSE_SECONDS)
                return
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for event in map(json.loads, lines):
                    if event["type"] == "ERROR":
                        return
                    if event["type"] == "DELETED":
                        raise not_found("Run", name, self.namespace, "it was deleted just now")
                    yield event["object"]

    async def _get(self, kind: type[R], name: str, how_to_list: str) -> Found[R]:
        try:
            path = path_of(kind.declaration, self.namespace, name)
            raw = await self.client.request("GET", path)
        except (ObjectMissing, ValueError):
            raise not_found(kind.declaration.kind, name, self.namespace, how_to_list) from None
        return _found(kind, raw)


def _found(kind: type[R], raw: JsonObject) -> Found[R]:
    return Found(raw, parse(kind, raw))


def _newest_first(found: Found[Run]) -> tuple[str, str]:
    meta, status = found.model.metadata, found.model.status
    return meta.creation_timestamp or "", status.started_at or ""


@asynccontextmanager
async def connect(where: Where) -> AsyncIterator[Session]:
    """Connect as the kubeconfig says. Raises NoCluster, which tells what to do."""
    client = await KubeClient.load(_Uncounted(), where.context)
    try:
        yield Session(client, where.namespace or client.current_namespace)
    finally:
        await client.close()


def converse(where: Where, talk: Callable[[Session], Awaitable[T]]) -> T:
    """Run one conversation from beginning to end, and return its result."""

    async def whole() -> T:
        async with connect(where) as session:
            return await talk(session)

    coroutine: Coroutine[Any, Any, T] = whole()
    return asyncio.run(coroutine)
