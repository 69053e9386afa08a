"""What a document may hold, because Northflank's do, without any effect here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ebbflow.domain.document.syntax import Json

GITOPS: Final = "gitops"

GITOPS_NOTICE: Final = (
    "gitops in the document is ignored: spec.git of the custom resource says where the file is"
)


def notice_of(document: Mapping[str, Json] | None) -> str | None:
    """Return the sentence about what is ignored in a document; None where nothing is."""
    return GITOPS_NOTICE if document is not None and GITOPS in document else None
