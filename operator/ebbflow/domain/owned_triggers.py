"""The port of the GitTriggers that the operator makes for the `triggers` of documents."""

from __future__ import annotations

from typing import Final, Protocol

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.template import Template

FROM_DOCUMENT: Final = f"{GROUP}/from-document"
"""The label of GitTriggers that come from a document; its value is the Template's name."""


class OwnedTriggers(Protocol):
    """GitTriggers that Templates own. Every method raises ClusterError when the server refuses."""

    async def of(self, owner: Template) -> tuple[GitTrigger, ...]:
        """Read those that the Template owns."""
        ...

    async def create(self, owner: Template, name: str, spec: JsonObject) -> bool:
        """Make one; False if the name is taken."""
        ...

    async def change(self, trigger: GitTrigger, spec: JsonObject) -> None:
        """Put another spec in place, only if it is still as it was read. Raises StaleWrite."""
        ...

    async def delete(self, trigger: GitTrigger) -> None:
        """Delete it if it is still this one; nothing if it is gone."""
        ...


def owned_by(trigger: GitTrigger, owner: Template) -> bool:
    """Tell whether the Template owns the trigger: the label alone proves nothing."""
    return owner.metadata.uid in (one.uid for one in trigger.metadata.owner_references)
