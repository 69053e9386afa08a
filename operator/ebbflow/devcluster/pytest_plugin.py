"""The pytest plugin `ebbflow_devcluster`: a fixture that is a real control plane.

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

FIXTURE: Final = "ebbflow_binaries"
NOT_CI: Final = frozenset({"", "0", "false"})


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Build the binaries before the first test where some test will need them.

    A build takes minutes: no test's timeout may count it, and its progress must be seen.
    """
    needed = any(FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)
    if not needed or session.config.option.collectonly:
        return
    from ebbflow.devcluster.binaries import locate  # noqa: PLC0415 - see the module's first lines
    from ebbflow.devcluster.trouble import DevClusterError  # noqa: PLC0415

    try:
        locate()
    except DevClusterError as error:
        # The tests that need them say it again, each as its own failure.
        session.config.issue_config_time_warning(pytest.PytestWarning(str(error)), stacklevel=2)


@pytest.fixture(scope="session")
def ebbflow_binaries() -> Binaries:
    """Return the binaries of the control plane, found or built once.

    Where there is nothing to build them with the test is skipped with the reason; with CI=true it
    fails, for a suite that skips what it is for proves nothing.
    """
    from ebbflow.devcluster.binaries import locate  # noqa: PLC0415
    from ebbflow.devcluster.trouble import ToolchainMissing  # noqa: PLC0415

    try:
        return locate()
    except ToolchainMissing as error:
        if os.environ.get("CI", "").lower() in NOT_CI:
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="session")
def ebbflow_cluster(ebbflow_binaries: Binaries) -> Iterator[ControlPlane]:
    """Yield a control plane for the whole session, without ebbflow's CRDs.

    It ends with the session, and with this process if that is killed.
    """
    from ebbflow.devcluster.cluster import ControlPlane  # noqa: PLC0415
    from ebbflow.devcluster.options import ClusterOptions  # noqa: PLC0415

    with ControlPlane(ClusterOptions(name="pytest"), binaries=ebbflow_binaries) as cluster:
        yield cluster
