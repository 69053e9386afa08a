"""A real node leaves nothing on the machine, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.images import BUSYBOX
from tests.support.machine_traces import Belongings, Traces
from tests.support.waiting import eventually

CYCLES = int(os.environ.get("EBBFLOW_CYCLES", "3"))
CYCLE_SECONDS = 90
PARENT = """\
import json, sys, time
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.options import ClusterOptions, Node
cluster = ControlPlane(ClusterOptions(name="killed", node=Node.REAL)).start()
cluster.kubectl_run("create", "deployment", "web", "--image=busybox:1.36", "--", "sleep", "9999")
cluster.kubectl_run("wait", "--for=condition=Available", "deployment/web", "--timeout=60s")
print(json.dumps({"pids": cluster.pids(), "state": str(cluster.state_dir)}), flush=True)
time.sleep(300)
"""


@pytest.mark.timeout(CYCLES * CYCLE_SECONDS + 120)
def test_up_and_down_leave_nothing_behind(
    node_cluster: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert node_cluster.running()
    before = Traces.now()
    for cycle in range(CYCLES):
        belongings = one_cycle(tmp_path, pods=cycle % 2 == 0)

        assert belongings.left() == []
        assert Traces.now() == before
        assert not belongings.state.exists()


def one_cycle(state: Path, *, pods: bool) -> Belongings:
    shell = Shell(state)
    kubeconfig = shell.up()
    try:
        _, shown = shell.run("up", "--status").stdout.splitlines()
        assert shown.split()[:3] == ["default", "running", "real"]
        if pods:
            deploy(kubeconfig)
        belongings = Belongings.of(kubeconfig.parent)
        assert belongings.left()
    finally:
        ended = shell.run("down")
    assert ended.returncode == 0, ended.stderr
    return belongings


class Shell:
    """Runs ebbflow with a state directory of its own."""

    def __init__(self, state: Path) -> None:
        self._environment = os.environ | {"EBBFLOW_STATE_DIR": str(state)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ebbflow", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=CYCLE_SECONDS,
            check=False,
        )

    def up(self) -> Path:
        """Start a cluster with a real node and return its kubeconfig."""
        started = self.run("up", "--node", "real")
        assert started.returncode == 0, started.stderr
        return Path(started.stdout.splitlines()[-1])


def kubectl(kubeconfig: Path, *arguments: str) -> str:
    command = [str(kubeconfig.with_name("kubectl")), f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=90)
    return done.stdout


def deploy(kubeconfig: Path) -> None:
    kubectl(kubeconfig, "create", "deployment", "web", f"--image={BUSYBOX}", "--", "sleep", "9999")
    kubectl(kubeconfig, "wait", "--for=condition=Available", "deployment/web", "--timeout=60s")


def test_a_node_that_crashed_comes_back_with_its_pods(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    kubeconfig = shell.up()
    try:
        deploy(kubeconfig)
        for file in (kubeconfig.parent / "pids").iterdir():
            identity = ProcessIdentity.load(file)
            assert identity is not None
            identity.send(signal.SIGKILL)

        assert shell.up() == kubeconfig

        deployed = ("exec", "deployment/web", "--", "echo", "back")
        eventually(lambda: executed(kubeconfig, *deployed) == "back\n", 60, "the pod to run again")
    finally:
        shell.run("down")


def executed(kubeconfig: Path, *arguments: str) -> str | None:
    with suppress(subprocess.CalledProcessError):
        return kubectl(kubeconfig, *arguments)
    return None


def test_kill_minus_nine_of_the_parent_ends_pods_too_and_down_removes_the_rest(
    node_cluster: ControlPlane, tmp_path: Path
) -> None:
    assert node_cluster.running()
    before = Traces.now()
    environment = os.environ | {"EBBFLOW_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        told = json.loads(parent.stdout.readline())
        belongings = Belongings.of(Path(told["state"]))
        running = [ProcessIdentity.of(pid) for pid in told["pids"].values()]
        assert None not in running

        parent.kill()

    eventually(
        lambda: not any("process" in each for each in belongings.left()), 30, "processes to end"
    )
    assert len(list((tmp_path / "sessions").iterdir())) == 1
    done = Shell(tmp_path).run("down")
    assert "Removed what a program that was killed has left" in done.stderr
    assert belongings.left() == []
    assert Traces.now() == before
    assert list((tmp_path / "sessions").iterdir()) == []
