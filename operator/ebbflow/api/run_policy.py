"""The ValidatingAdmissionPolicy on Runs: what RBAC and the schema of a CRD cannot say.

RBAC cannot tell an approval from another update, and a schema knows no users. The API server
checks these rules itself, in CEL with its own authorizer (kubernetes.io/docs/reference/
access-authn-authz/validating-admission-policy), so no process of ours is asked and none can be
away. Everything that is installed comes from `run_policy_objects`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ebbflow.api.base import GROUP, VERSION, JsonObject
from ebbflow.api.crd import PART_OF
from ebbflow.api.run import CREATED_BY, TRIGGER, TRIGGER_KEY

POLICY_NAME: Final = f"runs.{GROUP}"

INSTALL_COMMAND: Final = "ebbflow install --crds-only"
"""What puts the policy and its binding into a cluster, with the CRDs that they belong to."""

IN_ANOTHERS_NAME: Final = "nobody approves in the name of another"
"""Begins the refusal of an approval in another's name. The operator knows by these words that the
policy is in force, so they stay as they are from version to version.
"""

APPROVE: Final = "approve"
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

_API: Final = "admissionregistration.k8s.io/v1"
_WHO: Final = "request.userInfo.username"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: CEL that must be true; `message` is CEL too, and gives the sentence where it is not."""

    rule: str
    message: str

    def wire(self) -> JsonObject:
        """Return the rule as the API server takes it."""
        return {"expression": self.rule, "messageExpression": self.message, "reason": "Forbidden"}


def _allowed(resource: str, name: str, verb: str) -> str:
    return (
        f"authorizer.group('{GROUP}').resource({resource}).namespace(request.namespace)"
        f".name({name}).check({verb}).allowed()"
    )


def _same(owner: str, field: str) -> str:
    """Return the CEL that a field is as it was, where absent is a value too."""
    now, before = f"object.{owner}.{field}", f"oldObject.{owner}.{field}"
    return f"has({now}) == has({before}) && (!has({now}) || {now} == {before})"


def _lacks(verb: str, resource: str) -> str:
    """Return the CEL of the sentence that somebody lacks a verb.

    Both arguments are put between quotes: texts, or CEL between quotes of its own.
    """
    return (
        f"{_WHO} + ' lacks the verb {verb} on {resource}.{GROUP} in the namespace '"
        f" + request.namespace + '; an admin can give it: kubectl create role NAME --verb={verb}"
        f" --resource={resource}.{GROUP} -n ' + request.namespace + ', and a rolebinding'"
    )


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
    "notes": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
    "oldNotes": (
        "oldObject == null || !has(oldObject.metadata.annotations) ? {}"
        " : oldObject.metadata.annotations"
    ),
}

_RECORDS: Final = (CREATED_BY, TRIGGER, TRIGGER_KEY)

CHECKS: Final = (
    Check(
        "variables.before.all(a, a in variables.now)",
        "'approvals are only added to (append-only): what was said about a node can be neither"
        " changed nor taken back'",
    ),
    Check(
        f"variables.added.all(a, a.user == {_WHO})",
        f"'{IN_ANOTHERS_NAME}: the user must be ' + {_WHO} + ', not '"
        f" + variables.added.filter(a, a.user != {_WHO})[0].user",
    ),
    Check(
        f"size(variables.added) == 0 || {_allowed(repr('runs'), 'object.metadata.name', repr(APPROVE))}",
        _lacks(APPROVE, "runs"),
    ),
    Check(
        f"!variables.cancels || {_allowed(repr('runs'), 'object.metadata.name', repr(CANCEL))}",
        _lacks(CANCEL, "runs"),
    ),
    Check(
        "oldObject != null || "
        + _allowed("variables.source", "object.spec.source.name", "variables.verb"),
        _lacks("' + variables.verb + '", "' + variables.source + '"),
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


def run_policy_objects() -> list[JsonObject]:
    """Return the policy and its binding, to be applied in this order."""
    return [_policy(), _binding()]


def _policy() -> JsonObject:
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": POLICY_NAME, "labels": dict(PART_OF)},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": [VERSION],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["runs"],
                    }
                ]
            },
            "variables": [{"name": k, "expression": v} for k, v in _VARIABLES.items()],
            "validations": [check.wire() for check in CHECKS],
        },
    }


def _binding() -> JsonObject:
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY_NAME, "labels": dict(PART_OF)},
        "spec": {"policyName": POLICY_NAME, "validationActions": ["Deny"]},
    }
