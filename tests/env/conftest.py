"""Fixtures of the env tests: a real API server, a real Git server, the real operator.

Each test has a namespace, a Git server and an operator of its own; the control plane is shared.
docs/contributing/running-tests.md tells how to use them.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ebbflow.api.rbac import POLICY
from ebbflow.devcluster.binaries import Binaries
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.options import ClusterOptions
from ebbflow.devcluster.processes import Keeper
from tests.support.api_client import USER_AGENT
from tests.support.apiproxy import ApiProxy
from tests.support.audit import AuditLog
from tests.support.builders import git_account, secret
from tests.support.canary import Canary, CanarySearch
from tests.support.gitea.program import locate_gitea
from tests.support.gitea.server import GiteaServer
from tests.support.gitserver import FaultyGitServer
from tests.support.installation import ACCOUNT, OPERATOR_USER, install_crds, install_rbac
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.rbac_session import RbacCheck
from tests.support.rbac_usage import Window, measure
from tests.support.servers import GitServers
from tests.support.tools import need

GIT_USER = "ebbflow"
ACCOUNT_NAME = "git"
NAME_LENGTH = 40
TRACE_LINES = 80
# A request that was on its way when a right came back is still one of the time before.
GRACE_SECONDS = 1.0

Evidence = list[tuple[str, Callable[[], str]]]
EVIDENCE = pytest.StashKey[Evidence]()
RBAC_CHECK = pytest.StashKey[RbacCheck]()


def pytest_configure(config: pytest.Config) -> None:
    check = RbacCheck(Path(__file__).parent)
    config.stash[RBAC_CHECK] = check
    config.pluginmanager.register(check, "ebbflow-rbac-check")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the operators and proxies of a failed test said."""
    report = yield
    if report.failed:
        for title, text in item.stash.get(EVIDENCE, []):
            report.sections.append((title, text()))
    return report


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """What is shown when the test fails: titles and functions that make the text."""
    node: pytest.Item = request.node
    return node.stash.setdefault(EVIDENCE, [])


# The cluster


def install_all(cluster: ControlPlane) -> None:
    install_crds(cluster)
    install_rbac(cluster)


@pytest.fixture(scope="session")
def cluster(ebbflow_cluster: ControlPlane) -> ControlPlane:
    """The control plane of the session, with what ebbflow ships: CRDs and the operator's rights."""
    install_all(ebbflow_cluster)
    return ebbflow_cluster


@pytest.fixture(scope="module")
def own_cluster(
    request: pytest.FixtureRequest, ebbflow_binaries: Binaries
) -> Iterator[ControlPlane]:
    """A control plane of this file's own, without anything of ebbflow.

    A file that uses it has `cluster`, `kubectl` and, as the audit log is the session's,
    `rbac_usage` of its own.
    """
    name = Path(request.node.name).stem.removeprefix("test_").replace("_", "-")
    with ControlPlane(ClusterOptions(name=name), binaries=ebbflow_binaries) as own:
        yield own


@pytest.fixture(scope="session")
def kubectl(cluster: ControlPlane) -> Kubectl:
    """What a person with all rights does."""
    return Kubectl(cluster)


@pytest.fixture(scope="session")
def audit(cluster: ControlPlane, kubectl: Kubectl) -> Iterator[AuditLog]:
    """The API server's audit log; `audit.since(mark).where(user=OPERATOR_USER)` is the operator."""
    log = AuditLog(cluster.audit_log, probe=lambda token: kubectl.api.get(f"/version?{token}"))
    yield log
    log.close()


@contextmanager
def fresh_namespace(kubectl: Kubectl, title: str, search: CanarySearch) -> Iterator[str]:
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower().removeprefix("test_"))
    name = f"{plain[:NAME_LENGTH].strip('-')}-{secrets.token_hex(3)}"
    kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    search.look_at_cluster(kubectl.api.get)
    kubectl.delete("Namespace", name)


@pytest.fixture
def namespace(
    request: pytest.FixtureRequest, kubectl: Kubectl, canary_search: CanarySearch
) -> Iterator[str]:
    """A fresh namespace, named after the test; its deletion is not waited for."""
    with fresh_namespace(kubectl, request.node.name, canary_search) as name:
        yield name


# Git


@pytest.fixture(autouse=True)
def canary_search(request: pytest.FixtureRequest) -> Iterator[CanarySearch]:
    """Fails every test after which the Git server's password is anywhere that it must not be."""
    search = CanarySearch()
    yield search
    used: Shared | None = request.node.funcargs.get("shared")
    if used is not None:
        used.look_everywhere(search)
    search.verify()


@pytest.fixture
def canary(canary_search: CanarySearch) -> Canary:
    """The password of the test's Git server."""
    made = Canary.generate()
    canary_search.add(made)
    return made


@pytest.fixture
def git(tmp_path: Path, canary: Canary, canary_search: CanarySearch) -> Iterator[FaultyGitServer]:
    """A Git server of the test's own, which lets in `ebbflow` with the canary password only."""
    need("git", "install git, with its http-backend")
    root = tmp_path / "git"
    root.mkdir()
    with FaultyGitServer(root, username=GIT_USER, password=canary.value) as server:
        yield server
        canary_search.look_at_repositories(root)


def link_account(kubectl: Kubectl, namespace: str, canary: Canary) -> str:
    login = secret(ACCOUNT_NAME).within(namespace).for_hosts("127.0.0.1")
    kubectl.apply(login.with_login(GIT_USER, canary.value).build())
    kubectl.apply(git_account(ACCOUNT_NAME).within(namespace).using(ACCOUNT_NAME).build())
    return ACCOUNT_NAME


@pytest.fixture(scope="session")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GiteaServer]:
    """A real Gitea; `make_world` gives each test a repository of its own."""
    with GiteaServer(locate_gitea(), tmp_path_factory.mktemp("gitea")) as running:
        yield running


@pytest.fixture
def account(kubectl: Kubectl, namespace: str, canary: Canary) -> str:
    """The name of a GitAccount that may use the test's Git server; its Secret has the same name."""
    return link_account(kubectl, namespace, canary)


# The operator


@pytest.fixture(scope="session")
def process_group() -> Iterator[int]:
    """A process group that ends with this process, even if that is killed."""
    with Keeper() as keeper:
        yield keeper.group


@pytest.fixture
def proxy(cluster: ControlPlane, evidence: Evidence) -> Iterator[ApiProxy]:
    """A counting and cutting proxy before the API server: `operators(through=proxy)`."""
    with ApiProxy.to(cluster.kubeconfig) as running:
        evidence.append(("requests through the API proxy", lambda: _end(running.trace())))
        yield running


@pytest.fixture
def operators(
    request: pytest.FixtureRequest,
    cluster: ControlPlane,
    namespace: str,
    tmp_path: Path,
    process_group: int,
    canary_search: CanarySearch,
    evidence: Evidence,
    rbac_usage: None,
) -> Iterator[Operators]:
    """A maker of operators for this test's namespace; see Operators."""
    del rbac_usage
    # What an operator talks to has to outlive it.
    for other in {"git", "proxy"} & set(request.fixturenames):
        request.getfixturevalue(other)
    with Operators(cluster, tmp_path, [namespace], canary_search, process_group) as made:
        evidence.append(("operator logs", made.tails))
        yield made


@pytest.fixture
def operator(operators: Operators) -> OperatorProcess:
    """The real operator for this test's namespace, ready."""
    return operators()


# All of it for a whole file


@dataclass(frozen=True)
class Shared:
    """A namespace, Git server, account and ready operator that all tests of a file use."""

    namespace: str
    git: FaultyGitServer
    account: str
    operator: OperatorProcess
    canary: Canary
    kubectl: Kubectl

    def look_everywhere(self, search: CanarySearch) -> None:
        """Search for the canary wherever people can read, while everything runs on."""
        search.add(self.canary)
        search.look_at_cluster(self.kubectl.api.get)
        search.look_at_repositories(self.git.root)
        search.look_at_files("operator's log", self.operator.directory, "*.log")
        if self.operator.answers():
            search.look_at("operator's metrics page", self.operator.metrics_text())


@pytest.fixture(scope="module")
def shared(
    request: pytest.FixtureRequest,
    cluster: ControlPlane,
    kubectl: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
    process_group: int,
    rbac_usage: None,
) -> Iterator[Shared]:
    """For files with many quick tests that make objects and repositories with names of their own.

    Do not use it together with `operator` or `namespace`, nor to kill or disturb what it holds.
    """
    del rbac_usage
    need("git", "install git, with its http-backend")
    directory, canary, search = tmp_path_factory.mktemp("shared"), Canary.generate(), CanarySearch()
    search.add(canary)
    (directory / "git").mkdir()
    with (
        FaultyGitServer(directory / "git", username=GIT_USER, password=canary.value) as server,
        fresh_namespace(kubectl, Path(request.node.name).stem, search) as name,
        Operators(cluster, directory, [name], search, process_group) as made,
    ):
        account = link_account(kubectl, name, canary)
        yield Shared(name, server, account, made(), canary, kubectl)
    search.verify()


@pytest.fixture(scope="module")
def servers(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServers]:
    """A maker of worlds with a Git server and an account of their own, for `shared`'s operator."""
    search, root = CanarySearch(), tmp_path_factory.mktemp("servers")
    with GitServers(shared.kubectl, shared.namespace, root, search, GIT_USER) as made:
        yield made
        shared.look_everywhere(search)
    search.verify()


@pytest.fixture(autouse=True)
def _shared_evidence(request: pytest.FixtureRequest, evidence: Evidence) -> None:
    if "shared" in request.fixturenames:
        used: Shared = request.getfixturevalue("shared")
        evidence.append(("shared operator's log", used.operator.tail))


# The operator's rights


@pytest.fixture(scope="session")
def rbac_usage(pytestconfig: pytest.Config, audit: AuditLog) -> Iterator[None]:
    """Compares, at the session's end, the operator's rights with what it asked for."""
    start = audit.mark()
    yield
    check = pytestconfig.stash[RBAC_CHECK]
    made = audit.since(start).where(user=OPERATOR_USER).not_by(USER_AGENT)
    check.report = measure(POLICY, made, own_namespace=ACCOUNT.namespace, windows=check.windows)


@pytest.fixture
def forbidden_on_purpose(
    pytestconfig: pytest.Config,
) -> Callable[[str], AbstractContextManager[None]]:
    """`with forbidden_on_purpose("why"):` the API server may forbid the operator things."""

    @contextmanager
    def window(why: str) -> Iterator[None]:
        start = time.time()
        try:
            yield
        finally:
            end = time.time() + GRACE_SECONDS
            pytestconfig.stash[RBAC_CHECK].windows.append(Window(start, end, why))

    return window


def _end(trace: str) -> str:
    return "\n".join(trace.splitlines()[-TRACE_LINES:])
