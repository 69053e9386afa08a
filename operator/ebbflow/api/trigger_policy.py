"""The ValidatingAdmissionPolicy on GitTriggers: who starts Runs by them, and of whose code.

A trigger starts Runs of its targets, so naming a target takes the verb run on it, as starting a
Run by hand does. Whoever may open a pull request decides what is in a fork. Approving one of its
commits, and letting all of them run, take the verb approve.
"""

from __future__ import annotations

from typing import Final

from ebbflow.api.admission_policy import APPROVE, NOTES, Check, Policy, allowed, lacks
from ebbflow.api.gittrigger import APPROVE_FORK, MAX_TARGETS, GitTrigger
from ebbflow.api.run_policy import RUN, SOURCES

TARGETS: Final = {
    "Template": SOURCES["Template"],
    "ReleaseFlow": SOURCES["ReleaseFlow"],
    "PreviewBlueprint": SOURCES["PreviewBlueprint"],
    "DirectorySync": "directorysyncs",
    "DirectoryPush": "directorypushes",
}
"""The resource of each kind that a GitTrigger can have as a target."""

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
    "resources": "{" + ", ".join(f"'{k}': '{v}'" for k, v in TARGETS.items()) + "}",
    "known": "oldObject == null ? [] : oldObject.spec.targets",
}


def _may_start(index: int) -> Check:
    """Return the check of one target, which is not asked of one that the trigger has already.

    One check for each: the sentence of a refusal has no authorizer to ask which target it is about.
    """
    target = f"object.spec.targets[{index}]"
    resource = f"variables.resources[{target}.kind]"
    is_known = f"variables.known.exists(t, t.kind == {target}.kind && t.name == {target}.name)"
    return Check(
        f"size(object.spec.targets) <= {index} || {is_known} || "
        + allowed(resource, f"{target}.name", repr(RUN)),
        f"'to start ' + {target}.kind + ' ' + {target}.name + ' by a trigger takes the right to run it: ' + "
        + lacks(RUN, f"' + {resource} + '"),
    )


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
        *(_may_start(index) for index in range(MAX_TARGETS)),
    ),
)
