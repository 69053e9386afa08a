"""What the Job of a node is made from: a CronJob of the tenant's, or a Job that is run again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.domain.pods.jobs import job_spec_of
from ebbflow.services.nodes.kind import Call, CannotDo

CREATE_IT: Final = "create it, or correct the name"


class OriginMissing(CannotDo):
    """What the Job is to be made from is not there: in a dry run an earlier node may make it."""


async def origin_spec(
    objects: Objects,
    call: Call[Any],
    namespace: str,
    name: str,
    *,
    field: str,
    kinds: Iterable[str] = ("CronJob",),
    remedy: str = CREATE_IT,
) -> JsonObject:
    """Return the spec of Jobs made from the first of the `kinds` of this name and namespace.

    `field` is where the document names it, `remedy` what to do if it is missing. Raises
    OriginMissing, ObjectError.
    """
    tried = tuple(kinds)
    for kind in tried:
        found = await objects.get(ObjectId("batch", kind, namespace, name, "v1"), call.run.account)
        if found is not None:
            return job_spec_of(found)
    raise OriginMissing(
        f"{field}: there is no {' or '.join(tried)} {name} in namespace {namespace}; {remedy}"
    )
