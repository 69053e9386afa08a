"""`ebbflow up`, `up --status` and `down`, as a user types them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebbflow.devcluster.binaries import Binaries
from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.processes import Part
from ebbflow.devcluster.state import Condition, known


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
            timeout=90,
            check=False,
        )


@pytest.fixture
def shell(
    tmp_path: Path, ebbflow_binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    assert ebbflow_binaries.paths
    monkeypatch.setenv("EBBFLOW_STATE_DIR", str(tmp_path))
    shell = Shell(tmp_path)
    yield shell
    for cluster in known():
        shell.run("down", "--name", cluster.name)


def test_a_cluster_lives_from_up_to_down(shell: Shell, tmp_path: Path) -> None:
    started = shell.run("up", "--name", "mine")

    assert started.returncode == 0, started.stderr
    kubeconfig = Path(started.stdout.splitlines()[-1])
    assert kubeconfig == tmp_path / "clusters" / "mine" / "kubeconfig"
    assert "Cluster mine is ready" in started.stderr
    assert "ebbflow down --name mine" in started.stderr
    assert namespaces(kubeconfig).returncode == 0

    again = shell.run("up", "--name", "mine")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, str(kubeconfig))
    assert "Cluster mine already runs" in again.stderr

    listed = shell.run("up", "--status").stdout.splitlines()
    assert listed[0].split() == ["NAME", "STATE", "NODE", "API", "SERVER", "KUBECONFIG"]
    name, state, node, url, path = listed[1].split()
    assert (name, state, node, path) == ("mine", "running", "kwok", str(kubeconfig))
    assert url.startswith("https://127.0.0.1:")

    ended = shell.run("down", "--name", "mine")
    assert ended.returncode == 0, ended.stderr
    assert not kubeconfig.parent.exists()
    assert known() == ()


def test_a_cluster_keeps_the_node_that_it_was_started_with(shell: Shell) -> None:
    assert shell.run("up", "--node", "none").returncode == 0

    other = shell.run("up", "--node", "kwok")
    again = shell.run("up")

    assert other.returncode == 1
    assert "runs with another node: none" in other.stderr
    assert "ebbflow down --name default" in other.stderr
    assert again.returncode == 0
    assert "already runs" in again.stderr


def test_a_cluster_whose_processes_were_killed_comes_back_with_its_data(shell: Shell) -> None:
    kubeconfig = Path(shell.run("up").stdout.splitlines()[-1])
    kubectl(kubeconfig, "create", "namespace", "kept")
    for file in (kubeconfig.parent / "pids").iterdir():
        end(file)
    assert [each.condition for each in known()] == [Condition.STOPPED]

    started = shell.run("up")

    assert started.returncode == 0, started.stderr
    assert kubectl(kubeconfig, "get", "namespace", "kept").returncode == 0
    assert "kwok-0   Ready" in kubectl(kubeconfig, "get", "nodes").stdout


def test_taking_down_what_is_not_there_is_an_error_with_what_to_do(shell: Shell) -> None:
    done = shell.run("down", "--name", "nobody")

    assert done.returncode == 1
    what, where, remedy = done.stderr.splitlines()
    assert what == "ebbflow: There is no cluster 'nobody'"
    assert "kept there: none" in where
    assert "ebbflow up --status" in remedy


def test_a_name_that_leaves_the_state_directory_is_refused(shell: Shell) -> None:
    done = shell.run("up", "--name", "../elsewhere")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 3
    assert "lowercase letters, digits and dashes" in done.stderr


def test_without_clusters_the_status_says_how_to_start_one(shell: Shell) -> None:
    done = shell.run("up", "--status")

    assert done.returncode == 0
    assert "`ebbflow up` starts one" in done.stderr


def kubectl(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [kubeconfig.with_name("kubectl"), *arguments],
        env=os.environ | {"KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def namespaces(kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    return kubectl(kubeconfig, "get", "namespaces")


def end(pid_file: Path) -> None:
    """End the process of a pid file as a crash would."""
    identity = ProcessIdentity.load(pid_file)
    assert identity is not None
    Part(pid_file.stem, identity, pid_file).end()
