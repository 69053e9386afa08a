"""Flags and environment variables of the operator, seen from outside: which namespaces it serves."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ebbflow.api.crd import UNSEEN
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.settings import Shard
from ebbflow.wiring.elections import serves
from tests.support.apifaults import matching
from tests.support.apiproxy import ApiProxy
from tests.support.builders import template
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.waiting import eventually

SHARDS = (Shard(0, 2), Shard(1, 2))
OBJECTS = matching(resource=("templates", "templates/status"))
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +[\w.]+: ")


@pytest.fixture
def namespaces(kubectl: Kubectl) -> Iterator[list[str]]:
    """Two namespaces of each of two shards, by turns, with a Template in each."""
    token = secrets.token_hex(3)
    every = [f"flags-{token}-{number}" for number in range(64)]
    pairs = zip(*([n for n in every if serves(shard, n)] for shard in SHARDS), strict=False)
    chosen = [name for pair in list(pairs)[:2] for name in pair]
    for name in chosen:
        kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        kubectl.create(template("shop").within(name).build())
    yield chosen
    for name in chosen:
        kubectl.delete("Namespace", name)


def wait_served(kubectl: Kubectl, namespaces: list[str]) -> None:
    for name in namespaces:
        kubectl.wait_for(
            "Template",
            "shop",
            name,
            lambda seen: seen.get("status", {}).get("observedGeneration"),
            what="to be served",
        )


def touched(proxy: ApiProxy, among: list[str]) -> set[str]:
    """The namespaces whose Templates were read or written by name."""
    named = [request for request in proxy.requests(OBJECTS) if request.target.name]
    return {request.target.namespace for request in named} & set(among)


def test_only_the_given_namespaces_are_served(
    kubectl: Kubectl, namespaces: list[str], operators: Operators, proxy: ApiProxy
) -> None:
    served, other = namespaces[:3], namespaces[3]
    operator = operators(
        namespaces=(),
        through=proxy,
        environment={
            "EBBFLOW_NAMESPACE": ",".join(served),
            "EBBFLOW_WORKERS": "1",
            "EBBFLOW_IDENTITY": "a flag wins over this",
        },
    )
    wait_served(kubectl, served)
    assert operator.metric("controller_runtime_max_concurrent_reconciles", controller="run") == 1
    assert f"this process ({operator.identity}) leads" in operator.log.read_text()
    assert touched(proxy, namespaces) == set(served)
    watched = {request.target.namespace for request in proxy.requests(matching(verb="watch"))}
    assert watched == set(served)
    assert kubectl.get("Template", "shop", other)["status"] == {"conditions": [UNSEEN]}


def test_shards_together_serve_every_namespace_and_each_exactly_once(
    kubectl: Kubectl,
    namespaces: list[str],
    cluster: ControlPlane,
    operators: Operators,
    proxy: ApiProxy,
) -> None:
    with ApiProxy.to(cluster.kubeconfig) as other:
        shards = [
            operators("--shard=0/2", namespaces=(), through=proxy),
            operators(namespaces=(), through=other, environment={"EBBFLOW_SHARD": "1/2"}),
        ]
        wait_served(kubectl, namespaces)
        assert [shard.metric("leader_election_master_status") for shard in shards] == [1, 1]
        first, second = touched(proxy, namespaces), touched(other, namespaces)
        assert (first, second) == (set(namespaces[::2]), set(namespaces[1::2]))
        for shard in shards:
            shard.terminate()


def test_a_text_log_has_one_line_for_each_record(operators: Operators) -> None:
    operator = operators("--log-format=text", ready=False)
    eventually(lambda: "leads: Lease" in operator.log.read_text(), 20, "the first lines")
    assert operator.terminate().code == 0
    lines = operator.log.read_text().splitlines()
    assert [line for line in lines if not LINE.match(line)] == []
    assert lines[-1].endswith("stopped")


def test_a_kubeconfig_that_is_not_there_is_named_in_three_lines() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KUBE", "EBBFLOW_"))}
    done = subprocess.run(
        [sys.executable, "-m", "ebbflow", "operator"],
        env=environment | {"HOME": "/nonexistent", "KUBECONFIG": "/nonexistent/kubeconfig"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-3:] == [
        "ebbflow: no cluster",
        "  cannot use /nonexistent/kubeconfig: there is no such file",
        "  correct it, or set KUBECONFIG to another file",
    ]
