"""Runs in env tests: a Template with nodes, an account that may act, and short words for both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ebbflow.api.base import API_VERSION
from tests.support.builders import template
from tests.support.kubectl import KINDS, Kubectl

JsonObject = dict[str, Any]

ENDED = ("Succeeded", "Failed", "Cancelled", "Skipped")
WAIT_SECONDS = 30.0
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def deployer(
    kubectl: Kubectl, namespace: str, name: str = "deployer", resources: Iterable[str] = ("*",)
) -> str:
    """Make a ServiceAccount that may do anything with these resources of its namespace; its name."""
    about = {"name": name, "namespace": namespace}
    kubectl.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about})
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["*"], "resources": list(resources), "verbs": ["*"]}]
    kubectl.apply({"apiVersion": f"{group}/v1", "kind": "Role", "metadata": about, "rules": rules})
    kubectl.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": about,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", **about}],
        }
    )
    return name


def steps_document(
    *steps: JsonObject,
    type: str = "sequential",  # noqa: A002 - the document's word
    **fields: Any,
) -> JsonObject:
    """Return a document of ours with these steps."""
    workflow = {"kind": "Workflow", "spec": {"type": type, "steps": list(steps)}}
    return {"apiVersion": "ebbflow.dev/v1", **fields, "spec": workflow}


def config_map(name: str, **data: Any) -> JsonObject:
    """Return a Manifest node that makes a ConfigMap, with its name as its ref."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    return {"kind": "Manifest", "ref": name, "spec": {"manifest": manifest}}


@dataclass(frozen=True, slots=True)
class Source:
    """One Template whose document runs."""

    kubectl: Kubectl
    namespace: str
    name: str

    def start(self, name: str, **spec: Any) -> str:
        """Make a Run by hand; its name."""
        self.kubectl.create(
            {
                "apiVersion": API_VERSION,
                "kind": "Run",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {"source": {"kind": "Template", "name": self.name}, **spec},
            }
        )
        return name

    def run(self, name: str) -> JsonObject:
        return self.kubectl.get("Run", name, self.namespace)

    def runs(self) -> list[JsonObject]:
        """All Runs of this source, oldest first."""
        found = self.kubectl.list_all("Run", self.namespace)
        mine = [run for run in found if run["spec"]["source"]["name"] == self.name]
        return sorted(mine, key=lambda run: run["metadata"]["creationTimestamp"])

    def count(self, phase: str) -> int:
        """How many Runs of the namespace are in this phase, at little cost."""
        path = KINDS["Run"].path(self.namespace)
        query, accept = {"fieldSelector": f"status.phase={phase}"}, {"Accept": NAMES_ONLY}
        return len(self.kubectl.api.call("GET", path, query=query, headers=accept)["items"] or ())

    def wait_phase(self, name: str, *phases: str) -> JsonObject:
        """Wait until the Run is in one of these phases; the Run."""

        def there(seen: JsonObject) -> bool:
            return seen.get("status", {}).get("phase") in phases

        what = f"to be {' or '.join(phases)}"
        return self.kubectl.wait_for(
            "Run", name, self.namespace, there, what=what, timeout=WAIT_SECONDS
        )

    def wait_end(self, name: str, phase: str = "Succeeded") -> JsonObject:
        """Wait until the Run has ended, and check how; the Run."""
        seen = self.wait_phase(name, *ENDED)
        status = seen["status"]
        assert status["phase"] == phase, f"{name} is {status['phase']}: {status.get('message')}"
        return seen


def source(
    kubectl: Kubectl, namespace: str, name: str, document: JsonObject, **spec: Any
) -> Source:
    """Make a Template without Git that holds this document."""
    built = template(name).within(namespace).holding(document).spec(**spec)
    kubectl.create(built.build())
    return Source(kubectl, namespace, name)
