"""Lists of objects, in pages: an answer with all objects at once could be of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.api.base import JsonObject

PAGE: Final = 500
"""Objects in one answer. One parent's Runs are rarely more than the 40 that its history keeps."""


async def each_object(
    client: KubeClient, path: str, query: Mapping[str, str] | None = None
) -> AsyncIterator[JsonObject]:
    """Yield the objects of a list as the API server has them; `query` selects. Raises ClusterError.

    The items of a list are without `apiVersion` and `kind`, but for custom resources.
    """
    asked = {**(query or {}), "limit": str(PAGE)}
    while True:
        page = await client.request("GET", path, query=asked)
        for raw in page["items"]:
            yield raw
        if not (token := page["metadata"].get("continue")):
            return
        asked["continue"] = token
