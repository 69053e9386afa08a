"""JobRun nodes on a cluster with a node: the real operator, and Runs whose pods run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.canary import Canary, CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.installation import install_crds, install_rbac
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.ran import ENDED, Source, deployer, source, steps_document

JsonObject = dict[str, Any]

IMAGE = "busybox:1.36"
NOBODY = {"runAsUser": 65534}
"""The image names no user, and pods of ours do not run as root."""

END_SECONDS = 60.0


@dataclass(frozen=True)
class Place:
    """A namespace with an operator that serves it, an account that may do all there, and Git."""

    cluster: ControlPlane
    kubectl: Kubectl
    namespace: str
    operator: OperatorProcess
    git: FaultyGitServer
    password: str
    robot: str

    def document(self, *steps: JsonObject, **spec: Any) -> Source:
        """Make a Template of a name of its own with these steps."""
        name = f"t-{secrets.token_hex(4)}"
        fields = {"serviceAccountName": self.robot, **spec}
        return source(self.kubectl, self.namespace, name, steps_document(*steps), **fields)

    def start(self, *steps: JsonObject, **spec: Any) -> tuple[Source, str]:
        """Start a Run of these steps; its source and its name."""
        made = self.document(*steps, **spec)
        return made, made.start(f"{made.name}-run")

    def run(self, *steps: JsonObject, phase: str = "Succeeded", **spec: Any) -> JsonObject:
        """Run these steps to the end, and check how they ended; the Run."""
        made, name = self.start(*steps, **spec)
        seen = self.wait(made, name, *ENDED)
        status = seen["status"]
        assert status["phase"] == phase, f"{status['phase']}: {status.get('message')}"
        return seen

    def wait(self, made: Source, name: str, *phases: str) -> JsonObject:
        """Wait until a Run is in one of these phases."""
        return self.kubectl.wait_for(
            "Run",
            name,
            made.namespace,
            lambda seen: seen.get("status", {}).get("phase") in phases,
            what=f"to be {' or '.join(phases)}",
            timeout=END_SECONDS,
        )

    def jobs(self, run: str) -> list[JsonObject]:
        """Return the Jobs of a Run, by their names."""
        return self._of("/apis/batch/v1", "jobs", run)

    def pods(self, run: str) -> list[JsonObject]:
        """Return the pods of a Run, by their names."""
        return self._of("/api/v1", "pods", run)

    def _of(self, api: str, plural: str, run: str) -> list[JsonObject]:
        path = f"{api}/namespaces/{self.namespace}/{plural}"
        query = {"labelSelector": f"ebbflow.dev/run={run}"}
        found: list[JsonObject] = self.kubectl.api.call("GET", path, query=query)["items"] or []
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))


@contextmanager
def place_on(cluster: ControlPlane, directory: Path, group: int, *flags: str) -> Iterator[Place]:
    """Yield a place on a cluster, with an operator (and flags for it) that ends with it."""
    install_crds(cluster)
    install_rbac(cluster)
    kubectl, search, canary = Kubectl(cluster), CanarySearch(), Canary.generate()
    search.add(canary)
    namespace = f"jobs-{secrets.token_hex(3)}"
    kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    robot = deployer(kubectl, namespace)
    (directory / "git").mkdir()
    with (
        FaultyGitServer(directory / "git", username="ebbflow", password=canary.value) as git,
        Operators(cluster, directory, [namespace], search, group) as operators,
    ):
        yield Place(cluster, kubectl, namespace, operators(*flags), git, canary.value, robot)
        search.look_at_cluster(kubectl.api.get)
        kubectl.delete("Namespace", namespace)
    search.verify()


def node(script: str | None = None, **spec: Any) -> JsonObject:
    """Return a JobRun node that runs a shell script."""
    command = {} if script is None else {"command": ["sh", "-c", script]}
    given = {"image": IMAGE, "securityContext": NOBODY, **command, **spec}
    return {"kind": "JobRun", "ref": "job", "spec": given}


def message(run: JsonObject) -> str:
    """Return the message of a Run."""
    text: str = run["status"].get("message") or ""
    return text
