"""What the demo plays on: control plane, Git server, the operator under its shipped rights."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ebbflow.api.gitaccount import HOSTS_ANNOTATION
from ebbflow.cli import manifests
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.gitserver import GitServer
from ebbflow.devcluster.options import ClusterOptions
from ebbflow.devcluster.ports import free_ports
from ebbflow.devcluster.processes import Keeper, launch

NAMESPACE = "ebbflow-system"
SERVICE_ACCOUNT = "ebbflow"
USER = "demo"
REPOSITORY = "shop"
PATH = "templates/shop.yaml"
READY_SECONDS = 60.0

DOCUMENT = """\
# The shop
apiVersion: v1.2
arguments:
  REPLICAS: "2"     # how many
  GREETING: 'hello' # what visitors see
spec: {kind: Workflow, spec: {type: sequential, steps: []}}
"""

NO_STEPS = "spec: {kind: Workflow, spec: {type: sequential, steps: []}}\n"

STEPS = """\
spec:
  kind: Workflow
  spec:
    type: sequential
    steps:
    - kind: Manifest
      ref: settings
      condition: success
      spec:
        manifest:
          apiVersion: v1
          kind: ConfigMap
          metadata: {name: settings}
          data: {replicas: "${args.REPLICAS}", greeting: "${args.GREETING}"}
    - kind: Delay
      condition: success
      spec: {duration: 1s}
    - kind: Manifest
      ref: page
      condition: success
      spec:
        manifest:
          apiVersion: v1
          kind: ConfigMap
          metadata: {name: page}
          data: {text: "${args.GREETING}, served by settings ${refs.settings.metadata.uid}"}
"""

TENANT = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: shop-deployer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: shop-deployer}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch, create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: shop-deployer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: shop-deployer}
subjects: [{kind: ServiceAccount, name: shop-deployer, namespace: default}]
"""


class DemoFailed(Exception):
    """A step of the demo did not come out as it must; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command printed and how it ended."""

    code: int
    output: str


class Stage:
    """Everything that the demo needs, started in order and ended with this process."""

    def __init__(self, home: Path, cluster: ControlPlane, git: GitServer, password: str) -> None:
        self.home = home
        self.cluster = cluster
        self.git = git
        self._password = password

    @property
    def clone(self) -> Path:
        """The clone that a person would work in."""
        return self.home / "shop"

    @property
    def operator_log(self) -> Path:
        """Where the operator's log goes."""
        return self.home / "operator.log"

    def repository_url(self) -> str:
        """Return the address of the demo's repository, without credentials."""
        return self.git.url_of(REPOSITORY)

    def environment(self) -> dict[str, str]:
        """Return the environment in which `git` and `kubectl` just work."""
        places = (self.cluster.kubectl.parent, Path(sys.executable).parent)
        return os.environ | {
            "PATH": os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]),
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "GIT_TERMINAL_PROMPT": "0",
        }

    def run(self, command: list[str], cwd: Path | None = None, **variables: str) -> Finished:
        """Run a command as a person at this terminal would; standard error is part of the output."""
        done = subprocess.run(  # noqa: S603 - the demo's own commands, no shell
            command,
            cwd=cwd or self.home,
            env=self.environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return Finished(done.returncode, done.stdout)

    def must(self, command: list[str], cwd: Path | None = None, **variables: str) -> str:
        """Run a command that has to succeed; returns what it printed. Raises DemoFailed."""
        done = self.run(command, cwd, **variables)
        if done.code != 0:
            raise DemoFailed(f"`{' '.join(command[:4])}` failed:\n{done.output.strip()}")
        return done.output

    def apply(self, text: str) -> None:
        """Apply manifests with kubectl."""
        self.cluster.kubectl_run("apply", "--server-side", "-f", "-", input=text)

    def clone_repository(self) -> None:
        """Make the clone, with the credentials in git's own store and not in the address."""
        store = self.home / "git-credentials"
        scheme, _, rest = self.git.url.partition("://")
        store.write_text(f"{scheme}://{USER}:{self._password}@{rest}\n")
        store.chmod(0o600)
        helper = f"credential.helper=store --file={store}"
        self.must(["git", "-c", helper, "clone", "--quiet", self.repository_url(), str(self.clone)])
        for key, value in (
            ("credential.helper", f"store --file={store}"),
            ("user.name", "Ada"),
            ("user.email", "ada@example.com"),
        ):
            self.must(["git", "config", key, value], self.clone)

    def manifests(self) -> str:
        """Return Secret, GitAccount and Template as a user would write them."""
        return f"""\
apiVersion: v1
kind: Secret
metadata:
  name: demo-git
  annotations: {{{HOSTS_ANNOTATION}: 127.0.0.1}}
stringData: {{username: {USER}, password: {self._password}}}
---
apiVersion: ebbflow.dev/v1alpha1
kind: GitAccount
metadata: {{name: demo}}
spec:
  provider: Git
  secretRef: {{name: demo-git}}
---
apiVersion: ebbflow.dev/v1alpha1
kind: Template
metadata: {{name: shop}}
spec:
  git:
    accountRef: {{name: demo}}
    repository: {self.repository_url()}
    branch: main
    path: {PATH}
  interval: 1s
"""


def set_up(stack: ExitStack, say: Callable[[str], None]) -> Stage:
    """Start everything; `stack` ends it. Raises DevClusterError or DemoFailed."""
    home = Path(tempfile.mkdtemp(prefix="ebbflow-demo-"))
    stack.callback(shutil.rmtree, home, ignore_errors=True)
    say("Starting a Kubernetes control plane (etcd, API server, controllers, scheduler)")
    cluster = stack.enter_context(ControlPlane(ClusterOptions(name="demo")))
    say(f"Starting a Git server with the repository {REPOSITORY}")
    password = secrets.token_urlsafe(16)
    git = stack.enter_context(GitServer(home / "git", username=USER, password=password))
    git.create_repository(REPOSITORY, {PATH: DOCUMENT.encode()}, author="Ada <ada@example.com>")
    stage = Stage(home, cluster, git, password)
    say("Installing the CRDs and the operator's rights (and no more than those)")
    stage.apply(manifests.read(manifests.CRDS))
    stage.apply(manifests.read(manifests.RBAC))
    say("Starting the operator")
    _start_operator(stage, stack)
    stage.clone_repository()
    return stage


def _start_operator(stage: Stage, stack: ExitStack) -> None:
    kubeconfig = stage.cluster.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)
    keeper = stack.enter_context(Keeper())
    (port,) = free_ports(1, random.SystemRandom())
    part = launch(
        "operator",
        [
            *(sys.executable, "-m", "ebbflow", "operator", "--allow-insecure-http"),
            *("--health-address", f"127.0.0.1:{port}", "--poll-interval", "1s"),
            *("--cache-dir", str(stage.home / "cache")),
        ],
        log=stage.operator_log,
        group=keeper.group,
        environment=os.environ | {"KUBECONFIG": str(kubeconfig)},
    )
    stack.callback(part.end, grace_seconds=5.0)
    _wait_until_ready(f"http://127.0.0.1:{port}/readyz", stage)
    _wait_until_editors_are_recorded(stage)


def _wait_until_ready(url: str, stage: Stage) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - a loopback address of ours
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    tail = "\n".join(stage.operator_log.read_text().splitlines()[-8:])
    raise DemoFailed(
        f"the operator is not ready after {READY_SECONDS:.0f} s; its log ends:\n{tail}"
    )


def _wait_until_editors_are_recorded(stage: Stage) -> None:
    """Wait for the admission webhook; edits before it would be by nobody."""
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    deadline = time.monotonic() + READY_SECONDS
    while not stage.cluster.request("GET", path).json().get("items"):
        if time.monotonic() > deadline:
            raise DemoFailed("the operator has not registered its admission webhook")
        time.sleep(0.05)
