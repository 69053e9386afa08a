"""What the measurements run on: a control plane, a Git server, the operator under its shipped rights."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.gitserver import GitServer
from ebbflow.devcluster.processes import Keeper
from tests.support.audit import AuditLog, Requests
from tests.support.builders import git_account, secret, template
from tests.support.installation import (
    OPERATOR_USER,
    install_crds,
    install_rbac,
    operator_kubeconfig,
)
from tests.support.kubectl import Kubectl, condition_of
from tests.support.operator_process import OperatorProcess

NAMESPACE = "bench"
USER = "ebbflow"
REPOSITORY = "bench"
PATIENCE = 600.0


def document(value: str) -> bytes:
    """Return a file of the size and shape that people write."""
    return f"""\
# What this app is made of
apiVersion: v1.2
arguments:
  value: {value}     # changes with each release
  replicas: "2"
spec:
  kind: Workflow
  spec:
    type: parallel
    steps:
    - kind: Manifest
      ref: cm0
      spec: {{manifest: {{apiVersion: v1, kind: ConfigMap, metadata: {{name: cm0}}, data: {{value: "${{args.value}}"}}}}}}
    - kind: Manifest
      ref: cm1
      spec: {{manifest: {{apiVersion: v1, kind: ConfigMap, metadata: {{name: cm1}}, data: {{value: "${{args.value}}"}}}}}}
""".encode()


@dataclass(frozen=True)
class Stage:
    """Everything that runs, and the means to look at it."""

    kubectl: Kubectl
    git: GitServer
    operator: OperatorProcess
    audit: AuditLog

    def link(self, name: str, path: str, interval: str) -> None:
        """Create a Template."""
        built = template(name).within(NAMESPACE)
        place = built.at(self.git.url_of(REPOSITORY), path, account="git")
        self.kubectl.create(place.spec(interval=interval).build())

    def value(self, name: str) -> str | None:
        """Return what the object's document says just now."""
        found = self.kubectl.get("Template", name, NAMESPACE)
        return (found["spec"].get("document") or {}).get("arguments", {}).get("value")

    def ready(self) -> int:
        """Return how many Templates are in step with what they hold now."""
        return sum(map(is_ready, self.kubectl.list_all("Template", NAMESPACE)))

    def requests(self, mark: int) -> Requests:
        """Return the operator's requests since a mark, without Leases."""
        return self.audit.since(mark).where(user=OPERATOR_USER).without_leases()

    def cpu_seconds(self) -> float:
        """Return the operator's CPU time so far."""
        return self.operator.metric("process_cpu_seconds_total")

    def resident_mib(self) -> float:
        """Return the operator's memory."""
        return self.operator.metric("process_resident_memory_bytes") / 2**20


def is_ready(found: dict[str, Any]) -> bool:
    """Tell whether an object is Ready, for its own generation."""
    ready = condition_of(found, "Ready")
    return (
        ready is not None
        and ready["status"] == "True"
        and ready["observedGeneration"] == found["metadata"]["generation"]
    )


def seconds_until(reached: Callable[[], bool], pause: float = 0.005) -> float:
    """Wait until something is so; returns the seconds that it took."""
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"not reached after {PATIENCE:.0f} s")
        time.sleep(pause)
    return time.monotonic() - began


@contextmanager
def stage(poll_interval: str) -> Iterator[Stage]:
    """Start everything, and end it."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ebbflow-bench-")))
        cluster = stack.enter_context(ControlPlane())
        install_crds(cluster)
        install_rbac(cluster)
        kubectl = Kubectl(cluster)
        kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        password = secrets.token_urlsafe(16)
        git = stack.enter_context(GitServer(home / "git", username=USER, password=password))
        login = secret("git").within(NAMESPACE).for_hosts("127.0.0.1").with_login(USER, password)
        kubectl.apply(login.build())
        kubectl.apply(git_account("git").within(NAMESPACE).using("git").build())
        keeper = stack.enter_context(Keeper())
        operator = OperatorProcess(
            operator_kubeconfig(cluster),
            home / "operator",
            flags=[f"--poll-interval={poll_interval}"],
            group=keeper.group,
        )
        stack.callback(operator.end)
        operator.start()
        operator.wait_ready()
        audit = AuditLog(cluster.audit_log, lambda token: kubectl.api.get(f"/version?{token}"))
        stack.callback(audit.close)
        yield Stage(kubectl, git, operator, audit)
