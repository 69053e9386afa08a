"""`until` of documents: CEL over `object` that says when an object is as it is waited for."""

from __future__ import annotations

from ebbflow.api.base import JsonObject
from ebbflow.domain.cel import CelCompiler, Condition, NoValue
from ebbflow.domain.health import Current, InProgress


def compile_until(cel: CelCompiler, source: str | None) -> Condition | None:
    """Return what can be asked of objects; None where the document says nothing. Raises CelError."""
    return cel.compile(source, ("object",)) if source else None


def ask_until(until: Condition, live: JsonObject) -> Current | InProgress:
    """Judge a live object by `until`: what it asks of is often not there at first."""
    waits = f"waits until {until.source!r} is true"
    try:
        holds = until.holds({"object": live})
    except NoValue as error:
        return InProgress(f"{waits}: {error}")
    return Current() if holds else InProgress(waits)
