"""Which kinds the API server serves, and under which paths."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from http import HTTPStatus
from typing import Final

from ebbflow.adapters.kube.answer import Answer, content
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Busy, KindMissing, ObjectId
from ebbflow.domain.ports import Clock, ClusterError

REFRESH_SECONDS: Final = 2.0
"""How old a list of kinds may be before an unknown kind is looked for again: a
CustomResourceDefinition may have come meanwhile, and a thousand objects may be waiting for it.
"""

STALE_SECONDS: Final = 600.0
"""After this long a list is read again even if the kind is in it."""

MOST_GROUPS: Final = 256
"""Lists that are kept; documents name groups, so this is bounded."""

GroupVersion = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Served:
    """One kind as the API server serves it."""

    group: str
    version: str
    plural: str
    namespaced: bool

    @property
    def resource(self) -> str:
        """The full name, such as `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of an object, or without a name of the collection.

        Raises ValueError for what cannot be a name in a path.
        """
        parts = [*_root(self.group), segment(self.version)]
        if self.namespaced and namespace:
            parts += ["namespaces", segment(namespace)]
        return "/".join(("", *parts, self.plural, *([segment(name)] if name else [])))


@dataclass(frozen=True, slots=True)
class _Listed:
    """The kinds of one group and version as they were at a time."""

    kinds: dict[str, Served]
    at: float


class Discovery:
    """Kinds by name, cached. Asked in the operator's own name: everybody may see which there are."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._listed: dict[GroupVersion, _Listed] = {}
        self._preferred: dict[str, tuple[str, float]] = {}
        self._reading: defaultdict[GroupVersion, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def locate(self, target: ObjectId) -> Served:
        """Find out how the kind of `target` is served; one without a version in the preferred one.

        Raises KindMissing, and Busy where the API server does not answer.
        """
        version = target.version or await self._preferred_version(target)
        found = self._known(target.group, version).get(target.kind)
        if found is None:
            found = (await self._read(target.group, version)).get(target.kind)
        if found is None:
            raise await self._missing(target, version)
        return found

    def forget(self, served: Served) -> None:
        """Take note that the API server no longer serves this kind."""
        self._listed.pop((served.group, served.version), None)
        self._preferred.pop(served.group, None)

    def _known(self, group: str, version: str) -> dict[str, Served]:
        listed = self._listed.get((group, version))
        if listed is None or self._clock.monotonic() - listed.at > STALE_SECONDS:
            return {}
        return listed.kinds

    async def _read(self, group: str, version: str) -> dict[str, Served]:
        """Read the list again, unless that was just done. One reader for all who wait."""
        async with self._reading[group, version]:
            listed = self._listed.get((group, version))
            if listed is not None and self._clock.monotonic() - listed.at < REFRESH_SECONDS:
                return listed.kinds
            raw = await self._get("/".join(("", *_root(group), segment(version))))
            kinds = {} if raw is None else _kinds(raw, group, version)
            self._listed.pop((group, version), None)
            self._listed[group, version] = _Listed(kinds, self._clock.monotonic())
            self._trim()
            return kinds

    def _trim(self) -> None:
        while len(self._listed) > MOST_GROUPS:
            oldest = next(iter(self._listed))
            del self._listed[oldest]
            if not self._reading[oldest].locked():
                del self._reading[oldest]

    async def _preferred_version(self, target: ObjectId) -> str:
        if not target.group:
            return "v1"
        version, at = self._preferred.get(target.group, ("", 0.0))
        if version and self._clock.monotonic() - at < STALE_SECONDS:
            return version
        raw = await self._get(f"/apis/{segment(target.group)}")
        if raw is None:
            raise self._no_group(target)
        preferred = str((raw.get("preferredVersion") or {}).get("version") or "")
        self._preferred[target.group] = (preferred, self._clock.monotonic())
        return preferred

    async def _missing(self, target: ObjectId, version: str) -> KindMissing:
        kinds = self._known(target.group, version)
        near = get_close_matches(target.kind, kinds, n=1)
        if near:
            return _missing(target, f"did you mean {near[0]}?")
        if kinds or not target.group:
            return _missing(target, "install its CustomResourceDefinition, or correct the kind")
        raw = await self._get(f"/apis/{segment(target.group)}")
        if raw is None:
            return self._no_group(target)
        versions = [str(entry.get("version")) for entry in raw.get("versions") or ()]
        return _missing(target, f"the group is served as {', '.join(versions)}: change apiVersion")

    def _no_group(self, target: ObjectId) -> KindMissing:
        return _missing(
            target,
            f"no CustomResourceDefinition of {target.group} is installed; "
            "install it, or correct apiVersion",
        )

    async def _get(self, path: str) -> JsonObject | None:
        try:
            answer: Answer = await self._client.answer("GET", path)
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            return content(answer, f"find out which kinds there are at {path}")
        except ClusterError as error:
            raise Busy(str(error), code=error.code, retry_after=error.retry_after) from error


def _root(group: str) -> tuple[str, ...]:
    return ("apis", segment(group)) if group else ("api",)


def _kinds(raw: JsonObject, group: str, version: str) -> dict[str, Served]:
    """The kinds of an APIResourceList; subresources are not among them."""
    return {
        entry["kind"]: Served(group, version, entry["name"], bool(entry.get("namespaced")))
        for entry in raw.get("resources") or ()
        if "/" not in entry.get("name", "/") and entry.get("kind")
    }


def _missing(target: ObjectId, what_to_do: str) -> KindMissing:
    where = target.api_version or "the core group"
    return KindMissing(
        f"cannot find the kind {target.kind} of {target.title} in {where}; {what_to_do}",
        code=HTTPStatus.NOT_FOUND,
    )
