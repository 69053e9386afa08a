"""The ValidatingAdmissionPolicy on GitTriggers: who lets the code of strangers run.

Whoever may open a pull request decides what is in a fork. Approving one of its commits, and
letting all of them run, take the verb approve.
"""

from __future__ import annotations

from typing import Final

from ebbflow.api.admission_policy import APPROVE, NOTES, Check, Policy, allowed, lacks
from ebbflow.api.gittrigger import APPROVE_FORK, GitTrigger

_RESOURCE: Final = GitTrigger.declaration.plural


def _opened(of: str) -> str:
    return f"has({of}.spec.forks) && has({of}.spec.forks.allow) && {of}.spec.forks.allow"


_VARIABLES: Final = {
    **NOTES,
    "approves": (
        f"'{APPROVE_FORK}' in variables.notes && (!('{APPROVE_FORK}' in variables.oldNotes)"
        f" || variables.notes['{APPROVE_FORK}'] != variables.oldNotes['{APPROVE_FORK}'])"
    ),
    "opens": f"{_opened('object')} && (oldObject == null || !({_opened('oldObject')}))",
}

TRIGGER_POLICY: Final = Policy(
    _RESOURCE,
    _VARIABLES,
    (
        Check(
            "!(variables.approves || variables.opens) || "
            + allowed(repr(_RESOURCE), "object.metadata.name", repr(APPROVE)),
            "(variables.approves ? 'a commit of a fork is approved by those who may: '"
            " : 'forks are let in by those who may approve them: ') + " + lacks(APPROVE, _RESOURCE),
        ),
    ),
)
