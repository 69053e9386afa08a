"""What the short forms of Manifest share: Northflank's names, and the fields that mean nothing here."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from ebbflow.api.base import GROUP
from ebbflow.services.nodes.kind import Planned, Result, Succeeded, Working

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

DESCRIPTION: Final = f"{GROUP}/description"
"""The annotation for what an object is for."""

LEFT_ASIDE: Final = "Northflank's; it has no meaning on a cluster of one's own and is left aside."
"""The description of fields that are taken so that Northflank's documents are read unchanged."""


def object_name(text: str) -> str:
    """Return the name of the object for a display name: `Demo App` is demo-app."""
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


def identified(result: Result, name: str) -> Result:
    """Return the result with `id` and `name` beside the fields of the live object, for references
    such as `${refs.project.id}`.
    """
    if isinstance(result, Succeeded | Working) and isinstance(result.outputs, dict):
        return replace(result, outputs=_with_id(result.outputs, name))
    return result


def identified_plan(planned: Planned, name: str) -> Planned:
    """Return the plan with the same fields in the outputs that stand in."""
    return replace(planned, outputs=_with_id(planned.outputs or {}, name))


def _with_id(outputs: dict[str, Any], name: str) -> dict[str, Any]:
    return {**outputs, "id": name, "name": name}
