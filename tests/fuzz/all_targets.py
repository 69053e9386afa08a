"""Every fuzz target, in plain sight."""

from __future__ import annotations

from tests.fuzz import answers, documents, places, triggers, webhooks

TARGETS = (
    *documents.TARGETS,
    *places.TARGETS,
    *triggers.TARGETS,
    *answers.TARGETS,
    *webhooks.TARGETS,
)
