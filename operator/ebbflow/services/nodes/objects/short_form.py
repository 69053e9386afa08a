"""What the short forms of Manifest share: Northflank's names, and the fields that mean nothing here."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from ebbflow.api.base import GROUP

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
