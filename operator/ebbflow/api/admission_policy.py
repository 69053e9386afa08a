"""ValidatingAdmissionPolicies: what RBAC and the schema of a CRD cannot say, one for a kind.

RBAC cannot tell an approval from another update, and a schema knows no users. The API server
checks these rules itself, in CEL with its own authorizer (kubernetes.io/docs/reference/
access-authn-authz/validating-admission-policy), so no process of ours is asked and none can be
away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ebbflow.api.base import GROUP, VERSION, JsonObject
from ebbflow.api.crd import PART_OF

APPROVE: Final = "approve"
"""The verb of those who may let something on that waits for a person."""

WHO: Final = "request.userInfo.username"
"""The CEL of who asks."""

NOTES: Final = {
    "notes": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
    "oldNotes": (
        "oldObject == null || !has(oldObject.metadata.annotations) ? {}"
        " : oldObject.metadata.annotations"
    ),
}
"""Variables: the annotations as they are wished for, and as they were."""

_API: Final = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: CEL that must be true; `message` is CEL too, and gives the sentence where it is not."""

    rule: str
    message: str

    def wire(self) -> JsonObject:
        """Return the rule as the API server takes it."""
        return {"expression": self.rule, "messageExpression": self.message, "reason": "Forbidden"}


@dataclass(frozen=True, slots=True)
class Policy:
    """The checks on writes of one resource. `variables`: names and their CEL, in order."""

    resource: str
    variables: Mapping[str, str]
    checks: Iterable[Check]

    @property
    def name(self) -> str:
        """The name of the policy and of its binding."""
        return f"{self.resource}.{GROUP}"

    def objects(self) -> list[JsonObject]:
        """Return the policy and its binding, to be applied in this order."""
        return [self._policy(), self._binding()]

    def _policy(self) -> JsonObject:
        return {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": self.name, "labels": dict(PART_OF)},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": [GROUP],
                            "apiVersions": [VERSION],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": [self.resource],
                        }
                    ]
                },
                "variables": [{"name": k, "expression": v} for k, v in self.variables.items()],
                "validations": [check.wire() for check in self.checks],
            },
        }

    def _binding(self) -> JsonObject:
        return {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": self.name, "labels": dict(PART_OF)},
            "spec": {"policyName": self.name, "validationActions": ["Deny"]},
        }


def allowed(resource: str, name: str, verb: str) -> str:
    """Return the CEL that who asks has a verb on an object of the namespace. All three are CEL."""
    return (
        f"authorizer.group('{GROUP}').resource({resource}).namespace(request.namespace)"
        f".name({name}).check({verb}).allowed()"
    )


def lacks(verb: str, resource: str) -> str:
    """Return the CEL of the sentence that somebody lacks a verb.

    Both arguments are put between quotes: texts, or CEL between quotes of its own.
    """
    return (
        f"{WHO} + ' lacks the verb {verb} on {resource}.{GROUP} in the namespace '"
        f" + request.namespace + '; an admin can give it: kubectl create role NAME --verb={verb}"
        f" --resource={resource}.{GROUP} -n ' + request.namespace + ', and a rolebinding'"
    )
