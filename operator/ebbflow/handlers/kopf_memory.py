"""What kopf remembers of objects: nothing.

kopf keeps, in annotations, what an object was like when it was last handled and how far its
handlers came, and works that out at every event even if no handler asks for it: a deep copy, a
comparison and a dozen hashes each. Our handlers only take note that something happened; what has
been dealt with is in the object's status.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import kopf
from typing_extensions import override


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last form of an object: to kopf all objects look alike, and nothing ever differs."""

    @override
    def build(
        self, *, body: kopf.Body, extra_fields: Iterable[Any] | None = None
    ) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    @override
    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    @override
    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        return


class NoProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers: those of events have none."""

    @override
    def fetch(self, *, key: Any, body: kopf.Body) -> None:
        return None

    @override
    def store(self, *, key: Any, record: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        return

    @override
    def purge(self, *, key: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        return

    @override
    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        return

    @override
    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
