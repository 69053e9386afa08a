"""People who edit Templates with the real kubectl, each under a name of their own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebbflow.domain.edit_record import ANNOTATION
from tests.support.kubectl import KINDS, PATCH_TYPES, Kubectl, _write_editor, full_name
from tests.support.synced import Synced
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

RECORDING_SECONDS = 20.0
IMPERSONATE = "Impersonate-User"


@dataclass(frozen=True, slots=True)
class Person:
    """A user, impersonated by the administrator; `rights_in` gives the rights."""

    user: str
    kubectl: Kubectl

    def run(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess has it
        """Run the real kubectl as this person; what it prints on standard output."""
        return self.kubectl.run(f"--as={self.user}", *arguments, input=input)

    def patch(self, synced: Synced, patch: JsonObject, *flags: str) -> JsonObject:
        """Run `kubectl patch` with a merge patch; the object as it is then."""
        printed = self.run(
            *("patch", full_name("Template"), synced.name, "-n", synced.world.namespace),
            *("--type=merge", "-o", "json", "-p", json.dumps(patch), *flags),
        )
        answer: JsonObject = json.loads(printed)
        return answer

    def sets(self, synced: Synced, **arguments: Any) -> JsonObject:
        """Edit arguments of the document by `kubectl patch`."""
        return self.patch(synced, {"spec": {"document": {"arguments": arguments}}})

    def changes(self, synced: Synced, patch: JsonObject) -> JsonObject:
        """Merge a patch into the object quickly, over REST; the object as it is then."""
        return self.kubectl.api.call(
            "PATCH",
            KINDS["Template"].path(synced.world.namespace, synced.name),
            patch,
            content_type=PATCH_TYPES["merge"],
            headers={IMPERSONATE: self.user},
        )

    def creates(self, thing: JsonObject) -> JsonObject:
        """Create an object quickly, over REST; the stored object."""
        path = KINDS[thing["kind"]].path(thing["metadata"]["namespace"])
        return self.kubectl.api.call("POST", path, thing, headers={IMPERSONATE: self.user})

    def edits(self, synced: Synced, sed_expression: str) -> None:
        """Run `kubectl edit` with an editor that applies a sed -E expression."""
        with tempfile.TemporaryDirectory() as directory:
            editor = _write_editor(Path(directory), sed_expression)
            done = subprocess.run(
                [
                    *(str(self.kubectl.cluster.kubectl), f"--as={self.user}"),
                    *("edit", full_name("Template"), synced.name, "-n", synced.world.namespace),
                ],
                env=os.environ
                | {"KUBECONFIG": str(self.kubectl.cluster.kubeconfig), "KUBE_EDITOR": str(editor)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == 0, f"kubectl edit failed: {done.stdout}{done.stderr}"
        assert "no changes" not in done.stderr, f"the expression changed nothing: {sed_expression}"

    def applies(self, thing: JsonObject, *flags: str) -> None:
        """Run `kubectl apply` on a manifest."""
        self.run("apply", *flags, "-f", "-", input=json.dumps(thing))

    def is_recorded(self, synced: Synced) -> bool:
        """Whether an edit by this person would be recorded now, found out by a dry run."""
        patch = {"spec": {"document": {"arguments": {"PROBE": os.urandom(8).hex()}}}}
        seen = self.patch(synced, patch, "--dry-run=server")
        record = seen["metadata"].get("annotations", {}).get(ANNOTATION, "")
        return json.dumps(self.user) in record

    def wait_recorded(self, synced: Synced) -> None:
        """Wait until edits by this person are recorded: the API server learns of webhooks late."""
        eventually(lambda: self.is_recorded(synced), RECORDING_SECONDS, "edits to be recorded")


def rights_in(kubectl: Kubectl, namespace: str, *users: str) -> None:
    """Let users write Templates of a namespace, as the role ebbflow-edit does."""
    subjects: list[JsonObject] = []
    for user in users:
        if user.startswith("system:serviceaccount:"):
            *_, place, name = user.split(":")
            subjects.append({"kind": "ServiceAccount", "name": name, "namespace": place})
        else:
            group = "rbac.authorization.k8s.io"
            subjects.append({"kind": "User", "name": user, "apiGroup": group})
    for role in ("ebbflow-edit", "ebbflow-view"):
        kubectl.apply(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": role, "namespace": namespace},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": role,
                },
                "subjects": subjects,
            }
        )
