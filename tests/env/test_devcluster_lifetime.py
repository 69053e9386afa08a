"""A second cluster beside the first: restarts, pauses, and its end with the parent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebbflow.devcluster.binaries import Binaries
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.options import ClusterOptions
from ebbflow.devcluster.trouble import ClusterFailed
from tests.support.waiting import eventually

PARENT = """\
import json, sys, time
from ebbflow.devcluster.cluster import ClusterOptions, ControlPlane
cluster = ControlPlane(ClusterOptions(name="killed")).start()
print(json.dumps({"pids": cluster.pids(), "state": str(cluster.state_dir)}), flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def second(ebbflow_cluster: ControlPlane, ebbflow_binaries: Binaries) -> Iterator[ControlPlane]:
    """A cluster of our own, beside the session's."""
    assert ebbflow_cluster.running()
    options = ClusterOptions(name="second", apiserver_flags=("--v=1",))
    with ControlPlane(options, binaries=ebbflow_binaries) as cluster:
        yield cluster


def test_two_clusters_run_at_once_and_share_nothing(
    ebbflow_cluster: ControlPlane, second: ControlPlane
) -> None:
    second.kubectl_run("create", "namespace", "only-in-the-second")

    assert ebbflow_cluster.url != second.url
    assert ebbflow_cluster.request("GET", "/api/v1/namespaces/only-in-the-second").status == 404
    assert second.request("GET", "/api/v1/namespaces/only-in-the-second").status == 200


def test_a_restarted_api_server_keeps_its_port_its_data_and_its_clients(
    second: ControlPlane,
) -> None:
    second.kubectl_run("create", "namespace", "kept")
    second.kubectl_run("create", "serviceaccount", "bot", "--namespace=kept")
    kubeconfig = second.service_account_kubeconfig("kept", "bot")
    url, before = second.url, second.pids()

    second.restart_apiserver(grace_seconds=0)

    assert second.url == url
    assert second.running()
    changed = [name for name, pid in second.pids().items() if before[name] != pid]
    assert changed == ["kube-apiserver"]
    assert second.kubectl_run("get", "namespace", "kept", "--output=name").stdout == (
        "namespace/kept\n"
    )
    who = second.kubectl_run("auth", "whoami", kubeconfig=kubeconfig)
    assert "system:serviceaccount:kept:bot" in who.stdout


def test_a_paused_etcd_makes_requests_hang_until_it_goes_on(second: ControlPlane) -> None:
    second.pause_etcd()
    try:
        paused = second.request("GET", "/api/v1/namespaces/default", timeout=0.5)
    finally:
        second.resume_etcd()

    assert not paused.ok
    eventually(
        lambda: second.request("GET", "/api/v1/namespaces/default", timeout=5).ok,
        20,
        "the API server to answer again",
    )


def test_kill_minus_nine_of_the_parent_ends_every_process(ebbflow_binaries: Binaries) -> None:
    assert ebbflow_binaries.paths
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        told = json.loads(parent.stdout.readline())
        running = [ProcessIdentity.of(pid) for pid in told["pids"].values()]
        assert len(running) == 4
        assert None not in running

        parent.kill()

        eventually(
            lambda: not any(each is not None and each.alive() for each in running),
            15,
            "every process of the cluster to end",
        )
        eventually(lambda: not Path(told["state"]).exists(), 15, "its keys and data to be removed")


def test_a_flag_that_the_api_server_does_not_know_is_named_at_once(
    ebbflow_binaries: Binaries,
) -> None:
    options = ClusterOptions(name="wrong", apiserver_flags=("--no-such-flag",))
    cluster = ControlPlane(options, binaries=ebbflow_binaries)

    with pytest.raises(ClusterFailed, match="unknown flag: --no-such-flag") as caught:
        cluster.start()

    assert "kube-apiserver ended with exit code 1" in caught.value.what
    assert Path(caught.value.where).is_file()
    assert cluster.pids() == {}
    cluster.remove()
