"""The pytest plugin `ebbflow_devcluster`: fixtures that are real control planes, without a node and with one.

It is loaded with every pytest run where ebbflow is installed, so it imports next to nothing, and
nothing is found, built or started unless a test asks for a fixture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from ebbflow.devcluster.binaries import Binaries
    from ebbflow.devcluster.cluster import ControlPlane

# The session's clusters by fixture, with the kind of node that each has.
FIXTURES: Final = {"ebbflow_binaries": "none", "kwok_cluster": "kwok", "node_cluster": "real"}
NOT_CI: Final = frozenset({"", "0", "false"})


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Build the binaries before the first test where some test will need them.

    A build takes minutes: no test's timeout may count it, and its progress must be seen.
    """
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    nodes = [node for fixture, node in FIXTURES.items() if fixture in asked]
    if not nodes or session.config.option.collectonly:
        return
    from ebbflow.devcluster.binaries import locate  # noqa: PLC0415 - see the module's first lines
    from ebbflow.devcluster.options import Node  # noqa: PLC0415
    from ebbflow.devcluster.trouble import DevClusterError  # noqa: PLC0415

    try:
        for node in nodes:
            locate(node=Node(node))
    except DevClusterError as error:
        # The tests that need them say it again, each as its own failure.
        session.config.issue_config_time_warning(pytest.PytestWarning(str(error)), stacklevel=2)


def _found(node: str) -> Binaries:
    from ebbflow.devcluster.binaries import locate  # noqa: PLC0415
    from ebbflow.devcluster.options import Node  # noqa: PLC0415
    from ebbflow.devcluster.preflight import check  # noqa: PLC0415
    from ebbflow.devcluster.trouble import ToolchainMissing  # noqa: PLC0415

    try:
        if node == "real":
            check()
        return locate(node=Node(node))
    except ToolchainMissing as error:
        if os.environ.get("CI", "").lower() in NOT_CI:
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="session")
def ebbflow_binaries() -> Binaries:
    """Return the binaries of the control plane, found or built once.

    Where there is nothing to build them with the test is skipped with the reason; with CI=true it
    fails, for a suite that skips what it is for proves nothing.
    """
    return _found("none")


@pytest.fixture(scope="session")
def ebbflow_cluster(ebbflow_binaries: Binaries) -> Iterator[ControlPlane]:
    """Yield a control plane for the whole session, without ebbflow's CRDs and without a node.

    It ends with the session, and with this process if that is killed.
    """
    from ebbflow.devcluster.cluster import ControlPlane  # noqa: PLC0415
    from ebbflow.devcluster.options import ClusterOptions  # noqa: PLC0415

    with ControlPlane(ClusterOptions(name="pytest"), binaries=ebbflow_binaries) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kwok_cluster() -> Iterator[ControlPlane]:
    """Yield a cluster with a simulated node for the whole session, without ebbflow's CRDs.

    Pods become Ready and Jobs complete, by annotations with the exit code that a test wants (see
    docs/guides/local-cluster.md), but no process runs.
    """
    from ebbflow.devcluster.cluster import ControlPlane  # noqa: PLC0415
    from ebbflow.devcluster.options import ClusterOptions, Node  # noqa: PLC0415

    options = ClusterOptions(name="pytest-kwok", node=Node.KWOK)
    with ControlPlane(options, binaries=_found("kwok")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def node_cluster() -> Iterator[ControlPlane]:
    """Yield a cluster whose pods really run for the whole session, without ebbflow's CRDs.

    Where the machine cannot do that (no Linux, no root, packages that are missing) the test is
    skipped with the reason; with CI=true it fails.
    """
    from ebbflow.devcluster.cluster import ControlPlane  # noqa: PLC0415
    from ebbflow.devcluster.options import ClusterOptions, Node  # noqa: PLC0415

    options = ClusterOptions(name="pytest-node", node=Node.REAL)
    with ControlPlane(options, binaries=_found("real")) as cluster:
        yield cluster
