"""Documents: reading them from files, checking them, and comparing them as the cluster stores them."""

from __future__ import annotations

from ebbflow.domain.document.invalid import InvalidDocument
from ebbflow.domain.document.normal import document_hash, normalise, same
from ebbflow.domain.document.parsed import ParsedDocument, is_yaml, parse, read, validate

__all__ = [
    "InvalidDocument",
    "ParsedDocument",
    "document_hash",
    "is_yaml",
    "normalise",
    "parse",
    "read",
    "same",
    "validate",
]
