"""Documents that ask for what cannot be, or not yet, and what is said about them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.kubectl import Kubectl
from tests.support.ran import config_map
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

REFUSED = {"refused": "yes"}
AT = "spec.spec.steps[0]"


OWNED = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "owned"},
    "data": {"v": "ours"},
}


def manifest(manifest: JsonObject, **envelope: Any) -> JsonObject:
    spec = {key: envelope.pop(key) for key in ("wait", "until", "force") if key in envelope}
    return {"kind": "Manifest", "spec": {"manifest": manifest, **spec}, **envelope}


def deployment(name: str, **envelope: Any) -> JsonObject:
    pod = {"containers": [{"name": "c", "image": "example.invalid/none"}]}
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
    }
    made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}}
    return manifest({**made, "spec": spec}, **envelope)


def labelled(name: str, **labels: str) -> JsonObject:
    step = config_map(name, v="1")
    step["spec"]["manifest"]["metadata"]["labels"] = labels
    return step


def elsewhere(name: str, namespace: str) -> JsonObject:
    step = config_map(name, v="1")
    step["spec"]["manifest"]["metadata"]["namespace"] = namespace
    return step


LONG = "${fn.replaceAll(args.MANY, 'x', args.LONG)}"
"""A value of a size that no document could hold."""


def sizes(thousands: int) -> JsonObject:
    """Arguments that make LONG so many thousand characters long."""
    return {"MANY": "x" * thousands, "LONG": "y" * 1000}


@dataclass(frozen=True)
class Row:
    """Steps, what becomes of them, and what is said."""

    steps: tuple[JsonObject, ...]
    says: tuple[str, ...]
    phase: str = "Failed"
    arguments: JsonObject = field(default_factory=dict)


def table(dying: str) -> dict[str, Row]:
    """All cases; `dying` is a namespace that is being deleted."""
    widget = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}}
    return {
        "unknown-kind": Row(
            ({"kind": "Manifst", "spec": {}},),
            (f'{AT}.kind: unknown kind "Manifst"; did you mean Manifest?',),
        ),
        "unknown-argument": Row(
            (config_map("x", v="${args.NOPE}"),),
            (f'{AT}.spec.manifest.data.v: there is no argument "NOPE"; declare it',),
        ),
        "unknown-reference": Row(
            (config_map("x", v="${refs.later.data.v}"), config_map("later", v="1")),
            (f'{AT}.spec.manifest.data.v: the node "later" comes later; move it up',),
        ),
        "unknown-function": Row(
            (config_map("x", v="${fn.toUper('a')}"),),
            (f"{AT}.spec.manifest.data.v:", "toUper", "did you mean toUpper?"),
        ),
        "a-condition-that-is-cut-off": Row(
            (config_map("x", v="1") | {"when": "args.A =="},),
            (f"{AT}.when: column 10: unexpected the end of the expression",),
        ),
        "an-expression-without-a-value": Row(
            (config_map("x", v="${args.LIST.name}"),),
            ("Manifest x (0): ", f"{AT}.spec.manifest.data.v: "),
            arguments={"LIST": []},
        ),
        "never-healthy": Row(
            (deployment("never", timeout="4s"),),
            ("it took longer than 4s; at last: Deployment ", "/never: "),
        ),
        "too-large": Row(
            (config_map("too-large", v=LONG),),
            ("cannot apply ConfigMap ", "it is too large", "cut it into several"),
            arguments=sizes(1800),
        ),
        "name-too-long": Row(
            (config_map("n" * 260, v="1") | {"ref": "long"},),
            ("the object is not valid", "no more than 253"),
        ),
        "refused-by-a-policy": Row(
            (labelled("refused", **REFUSED),),
            ("cannot apply ConfigMap ", "refused it", "ask the platform team"),
        ),
        "a-namespace-that-is-being-deleted": Row(
            (elsewhere("x", dying),), (f"the namespace {dying} is being deleted; use another one",)
        ),
        "a-wrong-field": Row(
            (manifest({**OWNED, "dta": {}}),),
            ("the object is not valid", ".dta"),
        ),
        "a-field-of-another-manager": Row(
            (manifest(OWNED, force=False),),
            ("somebody owns data.v", "force: true"),
        ),
        "too-many-requests": Row((config_map("too-many-requests", v="1"),), (), "Succeeded"),
        "a-conflict-of-versions": Row(
            (config_map("a-conflict-of-versions", v="1"),), (), "Succeeded"
        ),
        "a-kind-that-comes-later": Row((manifest(widget),), (), "Succeeded"),
    }


GADGETS: JsonObject = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}
"""The kind that comes later."""


def forbidding(namespace: str) -> str:
    """Return the name of the policy, and of its binding, that `forbid_label` makes."""
    return f"refuse-{namespace}"


def forbid_label(kubectl: Kubectl, namespace: str) -> None:
    """Make an admission policy of the platform team, and wait until it holds."""
    group, name = "admissionregistration.k8s.io/v1", forbidding(namespace)
    rules = [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"],
        }
    ]
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    validation = {
        "expression": "!has(object.metadata.labels) || !('refused' in object.metadata.labels)",
        "message": "ask the platform team",
    }
    policy = {
        "matchConstraints": {"resourceRules": rules, "namespaceSelector": here},
        "validations": [validation],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    for kind, spec in (
        ("ValidatingAdmissionPolicy", policy),
        ("ValidatingAdmissionPolicyBinding", binding),
    ):
        thing = {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}
        kubectl.run("create", "-f", "-", input=json.dumps(thing))
    probe = labelled("probe", **REFUSED)["spec"]["manifest"]
    probe["metadata"]["namespace"] = namespace

    def refused() -> bool:
        said = kubectl.run(
            "apply", "--dry-run=server", "-f", "-", input=json.dumps(probe), check=False
        )
        return "configured" not in said and "created" not in said

    eventually(refused, 20, "the policy to hold")
