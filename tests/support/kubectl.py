"""What a person does with kubectl: quickly over REST, or by the real program where it matters."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from ebbflow.api.base import API_VERSION
from tests.support.api_client import ApiClient, ApiError
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

NOT_FOUND = 404
WAIT_SECONDS = 20.0
FIELD_MANAGER = "kubectl"
PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Cluster(Protocol):
    """The part of devcluster's ControlPlane that is needed here."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        ...

    @property
    def kubectl(self) -> Path:
        """The program."""
        ...

    def kubectl_run(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run it as administrator."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """Where the objects of a kind are."""

    api_version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The path of an object, or of all of a namespace."""
        root = "/api" if "/" not in self.api_version else "/apis"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        parts = [part for part in (name, subresource) if part]
        return "/".join([f"{root}/{self.api_version}{inside}/{self.plural}", *parts])


RBAC = "rbac.authorization.k8s.io/v1"
KINDS: Mapping[str, Kind] = {
    "Template": Kind(API_VERSION, "templates"),
    "GitAccount": Kind(API_VERSION, "gitaccounts"),
    "Run": Kind(API_VERSION, "runs"),
    "GitTrigger": Kind(API_VERSION, "gittriggers"),
    "Secret": Kind("v1", "secrets"),
    "ConfigMap": Kind("v1", "configmaps"),
    "Event": Kind("v1", "events"),
    "ServiceAccount": Kind("v1", "serviceaccounts"),
    "PersistentVolumeClaim": Kind("v1", "persistentvolumeclaims"),
    "ResourceQuota": Kind("v1", "resourcequotas"),
    "ValidatingAdmissionPolicy": Kind(
        "admissionregistration.k8s.io/v1", "validatingadmissionpolicies", namespaced=False
    ),
    "ValidatingAdmissionPolicyBinding": Kind(
        "admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings", namespaced=False
    ),
    "Namespace": Kind("v1", "namespaces", namespaced=False),
    "Lease": Kind("coordination.k8s.io/v1", "leases"),
    "Deployment": Kind("apps/v1", "deployments"),
    "CronJob": Kind("batch/v1", "cronjobs"),
    "ControllerRevision": Kind("apps/v1", "controllerrevisions"),
    "ClusterRole": Kind(RBAC, "clusterroles", namespaced=False),
    "ClusterRoleBinding": Kind(RBAC, "clusterrolebindings", namespaced=False),
    "Role": Kind(RBAC, "roles"),
    "RoleBinding": Kind(RBAC, "rolebindings"),
    "CustomResourceDefinition": Kind(
        "apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False
    ),
}


class Kubectl:
    """Acts on one cluster, as its administrator. Refusals are ApiErrors with the server's words."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.api = ApiClient(cluster.kubeconfig)

    # Quickly, over REST

    def apply(self, thing: Mapping[str, Any]) -> JsonObject:
        """Create the object or bring it to this form (server-side apply); the stored object."""
        metadata = thing["metadata"]
        path = KINDS[thing["kind"]].path(metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return self.api.call(
            "PATCH", path, dict(thing), content_type=PATCH_TYPES["apply"], query=query
        )

    def create(self, thing: Mapping[str, Any]) -> JsonObject:
        """Create the object; the stored object."""
        path = KINDS[thing["kind"]].path(thing["metadata"].get("namespace", ""))
        return self.api.call("POST", path, dict(thing), query={"fieldManager": FIELD_MANAGER})

    def get(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        """Read an object; raises ApiError with code 404 if there is none."""
        return self.api.call("GET", KINDS[kind].path(namespace, name))

    def find(self, kind: str, name: str, namespace: str = "") -> JsonObject | None:
        """Read an object; None if there is none."""
        try:
            return self.get(kind, name, namespace)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise
            return None

    def list_all(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Read all objects of a kind in a namespace, or in all."""
        items: list[JsonObject] = self.api.call("GET", KINDS[kind].path(namespace))["items"]
        return items

    def patch(
        self,
        kind: str,
        name: str,
        namespace: str,
        patch: object,
        *,
        type: str = "merge",  # noqa: A002 - as kubectl names it
        subresource: str = "",
        field_manager: str = "kubectl-edit",
    ) -> JsonObject:
        """Patch an object (`type`: merge, json, strategic); the stored object."""
        path = KINDS[kind].path(namespace, name, subresource)
        query = {"fieldManager": field_manager}
        return self.api.call("PATCH", path, patch, content_type=PATCH_TYPES[type], query=query)

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Ask for an object's deletion, without waiting for it; fine if there is none."""
        try:
            self.api.call("DELETE", KINDS[kind].path(namespace, name))
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise

    def annotate(self, kind: str, name: str, namespace: str, **annotations: str | None) -> None:
        """Set annotations of ebbflow.dev: `requested_at` is ebbflow.dev/requested-at; None removes."""
        named = {f"ebbflow.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}
        patch = {"metadata": {"annotations": named}}
        self.patch(kind, name, namespace, patch, field_manager="kubectl-annotate")

    def events(self, namespace: str, *, about: str | None = None) -> list[JsonObject]:
        """The events of a namespace, or those about the object of this name."""
        found = self.list_all("Event", namespace)
        return [e for e in found if about is None or e["involvedObject"].get("name") == about]

    def condition(self, kind: str, name: str, namespace: str, type: str) -> JsonObject | None:  # noqa: A002
        """Read one condition of an object; None if it has none of the type."""
        return condition_of(self.get(kind, name, namespace), type)

    def wait_for(
        self,
        kind: str,
        name: str,
        namespace: str,
        check: Callable[[JsonObject], object],
        *,
        what: str,
        timeout: float = WAIT_SECONDS,
    ) -> JsonObject:
        """Wait until `check` of the object is true; the object. On failure its status is shown."""

        def look() -> JsonObject | None:
            seen = self.get(kind, name, namespace)
            assert check(seen), json.dumps(seen.get("status", {}), indent=2)
            return seen

        return eventually(look, timeout, f"{kind} {namespace}/{name} {what}") or {}

    def wait_condition(
        self,
        kind: str,
        name: str,
        namespace: str,
        type: str = "Ready",  # noqa: A002 - as kubectl names it
        status: str = "True",
        *,
        reason: str | None = None,
        timeout: float = WAIT_SECONDS,
    ) -> JsonObject:
        """Wait until the operator says so of the object as it is now; the object.

        A condition whose observedGeneration is older than the object counts for nothing.
        """

        def holds(seen: JsonObject) -> bool:
            found = condition_of(seen, type)
            return (
                found is not None
                and found["status"] == status
                and (reason is None or found["reason"] == reason)
                and found.get("observedGeneration", 0) >= seen["metadata"].get("generation", 0)
            )

        what = f"to be {type}={status}" + (f" ({reason})" if reason else "")
        return self.wait_for(kind, name, namespace, holds, what=what, timeout=timeout)

    # By the real program

    def run(self, *arguments: str, input: str | None = None, check: bool = True) -> str:  # noqa: A002
        """Run the real kubectl; what it prints on standard output."""
        return self.cluster.kubectl_run(*arguments, input=input, check=check).stdout

    def kubectl_apply(self, thing: Mapping[str, Any], *, server_side: bool = False) -> str:
        """Run the real `kubectl apply` on the object; what it prints."""
        flags = ["--server-side"] if server_side else []
        return self.run("apply", *flags, "-f", "-", input=yaml.safe_dump(dict(thing)))

    def kubectl_edit(self, kind: str, name: str, namespace: str, sed_expression: str) -> str:
        """Run the real `kubectl edit` with an editor that applies a sed -E expression."""
        resource = full_name(kind)
        with tempfile.TemporaryDirectory() as directory:
            editor = _write_editor(Path(directory), sed_expression)
            done = subprocess.run(
                [self.cluster.kubectl, "edit", resource, name, f"--namespace={namespace}"],
                env=os.environ
                | {"KUBECONFIG": str(self.cluster.kubeconfig), "KUBE_EDITOR": str(editor)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == 0, f"kubectl edit failed: {done.stdout}{done.stderr}"
        assert "no changes" not in done.stderr, f"the expression changed nothing: {sed_expression}"
        return done.stdout

    def kubectl_wait(self, kind: str, name: str, namespace: str, condition: str = "Ready") -> str:
        """Run the real `kubectl wait --for=condition=...`; what it prints."""
        thing = f"{full_name(kind)}/{name}"
        return self.run(
            *("wait", thing, f"--namespace={namespace}", f"--for=condition={condition}"),
            f"--timeout={WAIT_SECONDS:g}s",
        )


def full_name(kind: str) -> str:
    """Return the name of a kind's resource with its group, such as templates.ebbflow.dev."""
    known = KINDS[kind]
    group, slash, _ = known.api_version.partition("/")
    return f"{known.plural}.{group}" if slash else known.plural


def condition_of(thing: JsonObject, type: str) -> JsonObject | None:  # noqa: A002 - the API's word
    """Return the condition of a type; None if the object has none."""
    conditions: list[JsonObject] = thing.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == type), None)


def _write_editor(directory: Path, sed_expression: str) -> Path:
    script, editor = directory / "expression.sed", directory / "editor"
    script.write_text(sed_expression + "\n")
    # `sed -i` is not the same everywhere: write beside and move.
    quoted = shlex.quote(str(script))
    editor.write_text(
        f'#!/bin/sh\nsed -E -f {quoted} "$1" > "$1.edited" && cat "$1.edited" > "$1"\n'
    )
    editor.chmod(0o700)
    return editor
