"""People who write Runs and triggers with the real kubectl, each under a name of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ebbflow.api.base import API_VERSION
from ebbflow.api.run import CREATED_BY
from tests.support.kubectl import Kubectl
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"
RECORDING_SECONDS = 20.0
RUNS = "runs.ebbflow.dev"


def said(user: str, decision: str = "Approve", node: str = "0") -> JsonObject:
    """Return an approval as spec.approvals holds it."""
    return {"node": node, "user": user, "decision": decision}


def bind(kubectl: Kubectl, namespace: str, user: str, *roles: str) -> None:
    """Give a user ClusterRoles in one namespace."""
    for role in roles:
        name = {"name": f"{user.split('@', maxsplit=1)[0]}-{role}", "namespace": namespace}
        kubectl.apply(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": name,
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
            }
        )


@dataclass(frozen=True, slots=True)
class Approver:
    """A user, impersonated by the administrator. What is refused returns the API server's words."""

    user: str
    kubectl: Kubectl
    namespace: str

    def starts(self, source: str, name: str, **spec: Any) -> str:
        """Make a Run by `kubectl create`; the refusal, empty if there is none."""
        return self._asks("create", "-f", "-", input=_run(source, name, self, spec))

    def patches(self, name: str, *operations: JsonObject) -> str:
        """Change a Run by a JSON patch; the refusal, empty if there is none."""
        return self._asks(
            "patch", RUNS, name, "--type=json", f"--patch={json.dumps(list(operations))}"
        )

    def says(self, name: str, decision: str = "Approve", user: str = "", node: str = "0") -> str:
        """Add an approval to those of the Run; the refusal, empty if there is none."""
        run = self.kubectl.get("Run", name, self.namespace)
        before = run["spec"].get("approvals", [])
        after = [*before, said(user or self.user, decision, node)]
        return self.patches(name, {"op": "add", "path": "/spec/approvals", "value": after})

    def writes(self, wished: JsonObject, *verb: str) -> str:
        """Make or change any object, by `kubectl replace` if not said; the refusal, or nothing."""
        return self._asks(*(verb or ("replace",)), "-f", "-", input=json.dumps(wished))

    def wait_recorded(self, source: str) -> None:
        """Wait until the webhook records who makes a Run: the API server learns of it late."""

        def is_recorded() -> bool:
            asked = ("create", "--dry-run=server", "-o", "json", "-f", "-")
            done = self._run(*asked, input=_run(source, "probe", self, {}))
            assert not done[1], done[1]
            return CREATED_BY in json.loads(done[0])["metadata"].get("annotations", {})

        eventually(is_recorded, RECORDING_SECONDS, "makers of Runs to be recorded")

    def _asks(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess has it
        return self._run(*arguments, input=input)[1]

    def _run(self, *arguments: str, input: str | None = None) -> tuple[str, str]:  # noqa: A002
        done = self.kubectl.cluster.kubectl_run(
            f"--as={self.user}", f"--namespace={self.namespace}", *arguments,
            input=input, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or done.stderr
        return done.stdout, done.stderr if done.returncode else ""


def _run(source: str, name: str, person: Approver, spec: JsonObject) -> str:
    annotations, kind = spec.pop("annotations", {}), spec.pop("kind", "Template")
    return json.dumps(
        {
            "apiVersion": API_VERSION,
            "kind": "Run",
            "metadata": {"name": name, "namespace": person.namespace, "annotations": annotations},
            "spec": {"source": {"kind": kind, "name": source}, **spec},
        }
    )
