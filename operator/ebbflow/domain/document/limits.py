"""How large a document may be. Every reader stops at these before it builds anything larger."""

from __future__ import annotations

MAX_BYTES = 512 * 1024
"""Of the file, and of the document written as compact JSON: etcd takes 1.5 MiB for the whole
object with its history of managers."""

MAX_DEPTH = 64
"""Nested objects and arrays; the document itself is the first."""

MAX_NODES = 100_000
"""Objects, arrays, keys and values taken together."""

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
"""The API server keeps integers of 64 bits with a sign; anything larger loses digits there."""
