"""Objects that an attempt makes under a name that follows from it, so that it can be made again."""

from __future__ import annotations

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Account, AlreadyExists, ObjectId, Objects
from ebbflow.services.nodes.kind import NotNow


async def create(
    objects: Objects, manifest: JsonObject, account: Account, manager: str
) -> JsonObject:
    """Make an object, or return the one of this name, whoever made it.

    Raises NotNow while that is being removed, and ObjectError.
    """
    try:
        return await objects.create(manifest, account, manager=manager)
    except AlreadyExists:
        target = ObjectId.of(manifest)
        live = await objects.get(target, account)
        if live is None:
            raise NotNow(f"{target.title} is being removed") from None
        return live
