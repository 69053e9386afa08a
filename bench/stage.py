"""What the measurements run on: a control plane, a Git server, the operator under its shipped rights."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.operator_process import OPERATOR, Launch
from bench.seen import SeenTemplates
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.gitserver import GitServer
from ebbflow.devcluster.processes import Keeper
from ebbflow.settings import Settings
from tests.support.audit import AuditLog, Requests
from tests.support.builders import git_account, secret, template
from tests.support.installation import (
    OPERATOR_USER,
    install_crds,
    install_rbac,
    operator_kubeconfig,
)
from tests.support.kubectl import FIELD_MANAGER, KINDS, Kubectl
from tests.support.operator_process import OperatorProcess

NAMESPACE = "bench"
USER = "ebbflow"
REPOSITORY = "bench"
ACCOUNT = "git"
CONNECTIONS = 8
"""That objects are created through at once, so that the measuring program is not what limits."""

PATIENCE = 900.0
QUIET = 1.0
"""Seconds without a write of the operator after which nothing more is expected of it."""

WINDOW = Settings(identity="", cache_dir=Path()).commit_window.total_seconds()
"""Seconds that the operator gathers edits for one commit, as it ships."""


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
class Usage:
    """What something cost: API requests of the operator (no Leases), Git requests, CPU seconds.

    `parts` are the CPU seconds of each part of the control plane, as kube-apiserver and etcd.
    """

    api: Requests
    git: int
    cpu: float
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Stage:
    """Everything that runs, and the means to look at it."""

    cluster: ControlPlane
    kubectl: Kubectl
    git: GitServer
    operator: OperatorProcess
    audit: AuditLog
    seen: SeenTemplates
    password: str

    def account(self, name: str) -> None:
        """Create a GitAccount that uses the one Secret."""
        self.kubectl.apply(git_account(name).within(NAMESPACE).using(ACCOUNT).build())

    def template(self, name: str, path: str, account: str = ACCOUNT) -> Mapping[str, Any]:
        """Return a Template for a file; how often it is polled is the operator's setting."""
        built = template(name).within(NAMESPACE)
        return built.at(self.git.url_of(REPOSITORY), path, account=account).build()

    def create(self, templates: Sequence[Mapping[str, Any]]) -> float:
        """Create Templates through several connections at once; returns the seconds it took."""
        began = time.monotonic()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for code in pool.map(self._create_one, templates):
                if code != 201:
                    raise RuntimeError(f"the API server answered {code} to a new Template")
        return time.monotonic() - began

    def _create_one(self, thing: Mapping[str, Any]) -> int:
        path = KINDS["Template"].path(NAMESPACE)
        query = {"fieldManager": FIELD_MANAGER}
        status, _ = self.kubectl.api.raw("POST", path, dict(thing), query=query)
        return status

    def wait_for_another_head(self, head: str | None) -> float:
        """Wait until the branch is elsewhere; returns when that was, by the monotonic clock."""
        # The file itself: to run git all the time would take a CPU from what is measured.
        branch = self.git.repository(REPOSITORY).path / "refs" / "heads" / "main"
        seconds_until(lambda: branch.read_text(encoding="ascii").strip() != head)
        return time.monotonic()

    def nudge(self, name: str, text: str) -> None:
        """Ask for a pass over one Template."""
        self.kubectl.annotate("Template", name, NAMESPACE, requested_at=text)

    @contextmanager
    def usage(self) -> Iterator[Callable[[], Usage]]:
        """Count from here on; what is given returns what it was so far."""
        mark, cpu, parts = self.audit.mark(), self.cpu_seconds(), self._parts()
        self.git.reset_counts()

        def used() -> Usage:
            spent = self.cpu_seconds() - cpu
            theirs = {name: seconds - parts[name] for name, seconds in self._parts().items()}
            git = self.git.counts.total()
            requests = self.audit.since(mark).where(user=OPERATOR_USER).without_leases()
            return Usage(requests, git, spent, theirs)

        yield used

    def wait_quiet(self) -> None:
        """Wait until the operator has written nothing for a moment: what was begun has ended."""
        written = -1
        while written != (written := self._written()):
            time.sleep(QUIET)

    def _written(self) -> int:
        return len(self.audit.since().where(user=OPERATOR_USER).writes())

    def cpu_seconds(self) -> float:
        """Return the operator's CPU time so far."""
        return self.operator.metric("process_cpu_seconds_total")

    def _parts(self) -> dict[str, float]:
        """Return the CPU time of each part of the control plane so far."""
        return {name: _cpu_of(pid) for name, pid in self.cluster.pids().items()}

    def resident_mib(self) -> float:
        """Return the operator's memory now."""
        return self.operator.metric("process_resident_memory_bytes") / 2**20

    def peak_mib(self) -> float:
        """Return the most memory that the operator had so far."""
        status = Path(f"/proc/{self.operator.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 2**10


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process so far: fields 14 and 15 of proc(5)'s stat."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    after_the_name = stat.rpartition(")")[2].split()
    return (int(after_the_name[11]) + int(after_the_name[12])) / os.sysconf("SC_CLK_TCK")


def seconds_until(reached: Callable[[], bool], pause: float = 0.005) -> float:
    """Wait until something is so; returns the seconds that it took."""
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"not reached after {PATIENCE:.0f} s")
        time.sleep(pause)
    return time.monotonic() - began


@contextmanager
def stage(
    poll_interval: str, flags: Iterable[str] = (), launch: Launch = OPERATOR
) -> Iterator[Stage]:
    """Start everything, and end it."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ebbflow-bench-")))
        cluster = stack.enter_context(ControlPlane())
        kubectl = _installed(cluster)
        password = secrets.token_urlsafe(16)
        git = stack.enter_context(GitServer(home / "git", username=USER, password=password))
        login = secret(ACCOUNT).within(NAMESPACE).for_hosts("127.0.0.1")
        kubectl.apply(login.with_login(USER, password).build())
        kubectl.apply(git_account(ACCOUNT).within(NAMESPACE).using(ACCOUNT).build())
        keeper = stack.enter_context(Keeper())
        operator = launch(
            operator_kubeconfig(cluster),
            home / "operator",
            flags=[f"--poll-interval={poll_interval}", f"--commit-window={WINDOW:g}s", *flags],
            group=keeper.group,
        )
        stack.callback(operator.end)
        operator.start()
        operator.wait_ready()
        audit = AuditLog(cluster.audit_log, lambda token: kubectl.api.get(f"/version?{token}"))
        stack.callback(audit.close)
        seen = SeenTemplates(cluster.kubeconfig, NAMESPACE, PATIENCE)
        stack.callback(seen.stop)
        seen.start()
        yield Stage(cluster, kubectl, git, operator, audit, seen, password)


def _installed(cluster: ControlPlane) -> Kubectl:
    install_crds(cluster)
    install_rbac(cluster)
    kubectl = Kubectl(cluster)
    kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return kubectl
