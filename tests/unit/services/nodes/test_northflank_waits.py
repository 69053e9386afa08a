"""Northflank's documents do not wait for their nodes, but for those that do nothing but wait."""

from __future__ import annotations

import pytest

from ebbflow.api.base import JsonObject
from tests.support.memory_cluster import MemoryCluster
from tests.support.run_stage import SHOP, RunWorld, config_map


def as_northflank(cluster: MemoryCluster) -> None:
    cluster.edit(SHOP, lambda raw: raw["spec"]["document"].update(apiVersion="v1.2"))


@pytest.mark.parametrize(
    "node",
    [
        pytest.param({"kind": "Approval", "spec": {"amount": 1}}, id="approval"),
        pytest.param({"kind": "Delay", "spec": {"duration": "1h"}}, id="delay"),
        pytest.param(
            {"kind": "Condition", "spec": {"object": {"kind": "ConfigMap", "name": "x"}}},
            id="condition",
        ),
        pytest.param(
            {"kind": "Approval", "condition": "none", "spec": {}}, id="approval that says none"
        ),
    ],
)
async def test_what_only_waits_is_waited_for(node: JsonObject) -> None:
    world = RunWorld()
    world.template(node, config_map("after", v="1"))
    as_northflank(world.cluster)
    world.ask()
    await world.settle()
    assert (world.phase(), world.phases()) == ("Waiting", {"0": "Waiting"})
    assert world.objects.names() == []


async def test_what_is_made_is_not_waited_for() -> None:
    world = RunWorld()
    labels = {"app": "api"}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api"},
        "spec": {"selector": {"matchLabels": labels}},
    }
    world.template({"kind": "Manifest", "spec": {"manifest": manifest}}, config_map("after", v="1"))
    as_northflank(world.cluster)
    world.ask()
    await world.settle()
    assert world.phase() == "Succeeded"
    assert world.objects.names() == ["ConfigMap default/after", "Deployment default/api"]
