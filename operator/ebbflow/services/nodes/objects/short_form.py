"""What the short forms of Manifest share: names, outputs, and the fields that mean nothing here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.services.nodes.kind import Result, Succeeded, Working

Applied = tuple[JsonObject, ...]
"""The live objects of a node, in the order in which they were applied."""

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

DESCRIPTION: Final = f"{GROUP}/description"
"""The annotation for what an object is for."""

MAX_MEGABYTES: Final = 64 * 1024 * 1024
"""The largest size in MiB that a document may ask for: 64 TiB."""

SNAPSHOTS: Final = "snapshot.storage.k8s.io"
"""The API group of VolumeSnapshots."""

LEFT_ASIDE: Final = "Northflank's; it has no meaning on a cluster of one's own and is left aside."
"""The description of fields that are taken so that Northflank's documents are read unchanged."""


def object_name(text: str) -> str:
    """Return the name of the object for a display name: `Demo App` is demo-app.

    Raises ValueError for what cannot be one.
    """
    name = "-".join(text.lower().split())
    if not _NAME.fullmatch(name):
        raise ValueError(
            "must be 1 to 63 letters, digits, spaces or hyphens, with a letter or digit at both ends"
        )
    return name


ObjectName = Annotated[
    str,
    AfterValidator(object_name),
    Field(description="Its name; the object's is the same in small letters, with - for spaces."),
]

ProjectId = Annotated[
    str | None, Field(max_length=63, description="The namespace; absent: the context's.")
]
"""Where a form's objects are made, in Northflank's word for it."""


def with_outputs(result: Result, outputs: Callable[[Applied], Any]) -> Result:
    """Return the result with what `${refs.<ref>.…}` reads: `outputs` makes it of what was applied."""
    if isinstance(result, Succeeded | Working):
        return replace(result, outputs=outputs(result.applied))
    return result


def by_kind(name: str, applied: Applied) -> JsonObject:
    """Return Northflank's `id` and `name`, and each object under its kind in small letters."""
    return {"id": name, "name": name, **{str(one["kind"]).lower(): one for one in applied}}
