"""The store of Runs against a real API server and with the operator's own rights, held to the same
contract as the fake.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ebbflow.api.base import Key
from ebbflow.devcluster.cluster import ControlPlane
from tests.support.installation import operator_kubeconfig
from tests.support.kube_world import KubeWorld, kube_world
from tests.support.run_parent_contract import RunParentContract
from tests.support.run_store_contract import RunStoreContract
from tests.support.run_store_world import (
    BUSY,
    SNAPSHOT,
    made_by_hand,
    node,
    parent_of,
    run,
    started,
    status,
    template,
)
from tests.support.waiting import eventually

GARBAGE_SECONDS = 30.0
SECRET = "sesam-öffne-dich"


@pytest.fixture(scope="module")
def operator_config(cluster: ControlPlane, rbac_usage: None) -> Path:
    del rbac_usage
    return operator_kubeconfig(cluster)


@pytest_asyncio.fixture
async def world(cluster: ControlPlane, operator_config: Path) -> AsyncIterator[KubeWorld]:
    def redact(text: str) -> str:
        return text.replace(SECRET, "[redacted]")

    async with kube_world(cluster.kubeconfig, operator_config, "run-store", redact) as made:
        yield made


async def printed(
    world: KubeWorld, cluster: ControlPlane, resource: str, path: str, expected: str
) -> None:
    """Wait until a field of all objects of a resource, as kubectl prints it, is as expected."""

    def is_there() -> bool:
        arguments = ("get", resource, "-n", world.namespace, "-o", f"jsonpath={{.items[*]{path}}}")
        return cluster.kubectl_run(*arguments).stdout == expected

    what = f"{path} of all {resource} to be {expected!r}"
    await asyncio.to_thread(eventually, is_there, GARBAGE_SECONDS, what)


class TestKubeRunStore(RunStoreContract, RunParentContract):
    async def test_our_own_writes_are_recognised(self, world: KubeWorld) -> None:
        made = await started(world)
        written = await world.store.write_status(made, status(node(0)))
        released = await world.store.release(written)
        queued = await world.store.write_queue(await template(world), BUSY)
        tied = await world.store.tie(await made_by_hand(world), queued)
        for ours in (made, written, released, queued, tied):
            meta = ours.metadata
            assert world.own_writes.is_own(meta.uid, meta.resource_version)

    async def test_cancelling_wakes_the_run_whoever_does_it(self, world: KubeWorld) -> None:
        meta = (await world.store.cancel(await started(world))).metadata
        assert not world.own_writes.is_own(meta.uid, meta.resource_version)

    async def test_fields_are_owned_by_managers_of_their_own(self, world: KubeWorld) -> None:
        made = await started(world)
        await world.store.write_status(made, status(*(node(n) for n in range(500))))
        entries = (await world.raw("Run", "shop-1"))["metadata"]["managedFields"]
        assert {e["manager"]: e["operation"] for e in entries} == {
            "ebbflow": "Update",
            "ebbflow-status": "Update",
        }
        (whole,) = (e["fieldsV1"] for e in entries if e["manager"] == "ebbflow-status")
        assert whole == {"f:status": {}}
        await world.store.write_queue(await template(world), BUSY)
        entries = (await world.raw("Template", "shop"))["metadata"]["managedFields"]
        (queue,) = (e["fieldsV1"] for e in entries if e["manager"] == "ebbflow-queue")
        assert set(queue["f:status"]) - {"."} == {"f:active", "f:queue", "f:recent", "f:fence"}

    async def test_a_known_secret_never_reaches_a_status_or_event(self, world: KubeWorld) -> None:
        said = status(node(0, message=f"got {SECRET}"), message=f"{SECRET}!")
        about = await world.store.write_status(await started(world), said)
        count = world.requests
        await world.store.write_status(about, said)
        assert world.requests == count
        await world.store.announce(about, "NodeFailed", f"no {SECRET}", warning=True)
        assert SECRET not in str(await world.raw("Run", "shop-1"))
        assert await world.announced("Run", "shop-1") == [
            ("Warning", "NodeFailed", "no [redacted]")
        ]

    async def test_more_runs_than_fit_one_answer_are_all_found(
        self, world: KubeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ebbflow.adapters.kube.listing.PAGE", 2)
        for number in range(5):
            await made_by_hand(world, f"mine-{number}")
        count = world.requests
        found = await world.store.runs_of(Key("Template", world.namespace, "shop"))
        assert [each.metadata.name for each in found] == [f"mine-{n}" for n in range(5)]
        assert world.requests == count + 3

    async def test_kubectl_finds_runs_by_their_label(
        self, world: KubeWorld, cluster: ControlPlane
    ) -> None:
        await started(world)
        arguments = ("get", "runs.ebbflow.dev", "-n", world.namespace, "-o", "name")
        label = ("-l", "ebbflow.dev/source=shop")
        done = await asyncio.to_thread(cluster.kubectl_run, *arguments, *label)
        assert done.stdout.split() == ["run.ebbflow.dev/shop-1"]

    async def test_a_snapshot_goes_with_the_last_run_that_uses_it(
        self, world: KubeWorld, cluster: ControlPlane
    ) -> None:
        first = await world.store.release(await started(world))
        second = await made_by_hand(world)
        await world.store.keep(SNAPSHOT, first)
        await world.store.keep(SNAPSHOT, second)
        await world.store.delete(first)

        path = ".metadata.ownerReferences[*].name"
        await printed(world, cluster, "controllerrevisions.apps", path, "mine")
        await world.store.delete(second)
        await printed(world, cluster, "controllerrevisions.apps", path, "")
        assert await world.store.read(world.namespace, SNAPSHOT.name) is None

    async def test_runs_go_with_their_parent_once_they_are_released(
        self, world: KubeWorld, cluster: ControlPlane
    ) -> None:
        await started(world)
        await world.remove("Template", "shop")

        path = ".metadata.deletionGracePeriodSeconds"
        await printed(world, cluster, "runs.ebbflow.dev", path, "0")
        await world.store.release(await run(world, "shop-1"))
        assert await world.store.get(world.namespace, "shop-1") is None

    async def test_a_parent_is_not_held_back_by_its_runs(self, world: KubeWorld) -> None:
        await parent_of(world)
        made = await world.store.tie(await made_by_hand(world), await template(world))
        stored = (await world.raw("Run", made.metadata.name))["metadata"]["ownerReferences"]
        assert [owner.get("blockOwnerDeletion") for owner in stored] == [None]
