"""The ValidatingAdmissionPolicy on Runs: who may start, cancel and approve them, and in whose name."""

from __future__ import annotations

from typing import Final

from ebbflow.api.admission_policy import APPROVE, NOTES, WHO, Check, Policy, allowed, lacks
from ebbflow.api.run import CREATED_BY, TRIGGER, TRIGGER_KEY

INSTALL_COMMAND: Final = "ebbflow install --crds-only"
"""What puts the policy and its binding into a cluster, with the CRDs that they belong to."""

IN_ANOTHERS_NAME: Final = "nobody approves in the name of another"
"""Begins the refusal of an approval in another's name. The operator knows by these words that the
policy is in force, so they stay as they are from version to version.
"""

CANCEL: Final = "cancel"
RUN: Final = "run"
ROLLBACK: Final = "rollback"

SOURCES: Final = {
    "Template": "templates",
    "ReleaseFlow": "releaseflows",
    "PreviewBlueprint": "previewblueprints",
    "Preview": "previews",
}
"""The resource of each kind that a Run can have as its source."""


def _same(owner: str, field: str) -> str:
    """Return the CEL that a field is as it was, where absent is a value too."""
    now, before = f"object.{owner}.{field}", f"oldObject.{owner}.{field}"
    return f"has({now}) == has({before}) && (!has({now}) || {now} == {before})"


_VARIABLES: Final = {
    "before": "oldObject == null || !has(oldObject.spec.approvals) ? [] : oldObject.spec.approvals",
    "now": "has(object.spec.approvals) ? object.spec.approvals : []",
    "added": "variables.now.filter(a, !(a in variables.before))",
    "cancels": (
        "has(object.spec.cancel) && object.spec.cancel && (oldObject == null"
        " || !has(oldObject.spec.cancel) || !oldObject.spec.cancel)"
    ),
    "source": "{" + ", ".join(f"'{k}': '{v}'" for k, v in SOURCES.items()) + "}"
    "[object.spec.source.kind]",
    "verb": f"has(object.spec.rollbackTo) ? '{ROLLBACK}' : '{RUN}'",
    **NOTES,
}

_RECORDS: Final = (CREATED_BY, TRIGGER, TRIGGER_KEY)

CHECKS: Final = (
    Check(
        "variables.before.all(a, a in variables.now)",
        "'approvals are only added to (append-only): what was said about a node can be neither"
        " changed nor taken back'",
    ),
    Check(
        f"variables.added.all(a, a.user == {WHO})",
        f"'{IN_ANOTHERS_NAME}: the user must be ' + {WHO} + ', not '"
        f" + variables.added.filter(a, a.user != {WHO})[0].user",
    ),
    Check(
        f"size(variables.added) == 0 || {allowed(repr('runs'), 'object.metadata.name', repr(APPROVE))}",
        lacks(APPROVE, "runs"),
    ),
    Check(
        f"!variables.cancels || {allowed(repr('runs'), 'object.metadata.name', repr(CANCEL))}",
        lacks(CANCEL, "runs"),
    ),
    Check(
        "oldObject != null || "
        + allowed("variables.source", "object.spec.source.name", "variables.verb"),
        lacks("' + variables.verb + '", "' + variables.source + '"),
    ),
    # The rule of the CRD compares the whole spec too, but the API server does not evaluate it where
    # keys of a map that it does not know were renamed.
    Check(
        f"oldObject == null || ({_same('spec', 'arguments')})",
        "'the arguments of a Run cannot be changed once it is made: make another Run'",
    ),
    Check(
        "oldObject == null || ["
        + ", ".join(f"'{name}'" for name in _RECORDS)
        + "].all(k, (k in variables.notes) == (k in variables.oldNotes)"
        " && (!(k in variables.notes) || variables.notes[k] == variables.oldNotes[k]))",
        "'the annotations that tell who or what made a Run cannot be changed: "
        + ", ".join(_RECORDS)
        + "'",
    ),
)


RUN_POLICY: Final = Policy("runs", _VARIABLES, CHECKS)
