"""The Kubernetes adapter against a real API server, held to the same contract as the fake."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.cluster import KubeCluster
from ebbflow.adapters.kube.election import LeaseElection, LeaseUnavailable
from ebbflow.adapters.kube.naming import APPLY
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.readiness import Watch, missing, watches
from ebbflow.api.base import GROUP
from ebbflow.api.crd import crd
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.kinds import KINDS
from ebbflow.api.reasons import Reason
from ebbflow.api.template import Template
from ebbflow.domain.outcome import Done, Report
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.secret import Tainted
from tests.support.cluster_contract import DOCUMENT, PENDING, SYNC, ClusterContract, made, read
from tests.support.kube_world import KubeWorld, connect, kube_world
from tests.support.memory_cluster import ManualClock
from tests.support.waiting import eventually


class DevCluster(Protocol):
    kubeconfig: Path

    def kubectl_run(
        self, *arguments: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="module")
def kubeconfig(ebbflow_cluster: DevCluster) -> Path:
    """The administrator's kubeconfig of a cluster that serves our kinds."""
    asyncio.run(install(ebbflow_cluster.kubeconfig))
    eventually(lambda: asyncio.run(served(ebbflow_cluster.kubeconfig)), 20, "the CRDs to be served")
    return ebbflow_cluster.kubeconfig


async def install(kubeconfig: Path) -> None:
    client = await connect(kubeconfig)
    for kind in KINDS:
        body = crd(kind)
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{body['metadata']['name']}"
        query = {"fieldManager": "tests", "force": "true"}
        await client.request("PATCH", path, body=body, content_type=APPLY, query=query)
    await client.close()


async def served(kubeconfig: Path) -> bool:
    client = await connect(kubeconfig)
    found = await missing(client, watches(KINDS, ()))
    await client.close()
    return not found


@pytest_asyncio.fixture
async def world(kubeconfig: Path) -> AsyncIterator[KubeWorld]:
    async with kube_world(kubeconfig, kubeconfig, "kube-adapter") as made:
        yield made


class TestKubeCluster(ClusterContract):
    async def test_secret_values_are_made_known_to_the_logs(self, world: KubeWorld) -> None:
        await world.secret("git", {"username": "robot", "password": "sesam-öffne-dich"}, {})
        await world.cluster.get_secret(world.namespace, "git")
        assert world.secrets == [Tainted("sesam-öffne-dich")]

    async def test_our_own_writes_are_recognised(self, world: KubeWorld) -> None:
        first = await world.cluster.replace_document(await made(world), {"apiVersion": "v1.2"})
        await world.writer.write(Report(first, Done(Reason.IN_STEP, "In step")))
        last = await read(world)
        own = world.own_writes.is_own
        assert own(first.metadata.uid, first.metadata.resource_version)
        assert own(last.metadata.uid, last.metadata.resource_version)
        await world.change("Template", "shop", {"spec": {"suspend": True}})
        assert not own(last.metadata.uid, (await read(world)).metadata.resource_version)

    async def test_a_status_over_an_unseen_edit_is_no_own_write(self, world: KubeWorld) -> None:
        before = await made(world)
        await world.change("Template", "shop", {"metadata": {"annotations": {"a": "b"}}})
        await world.writer.write(Report(before, Done(Reason.IN_STEP, "In step")))
        after = await read(world)
        assert not world.own_writes.is_own(after.metadata.uid, after.metadata.resource_version)

    async def test_a_status_that_the_server_refuses_is_explained(self, world: KubeWorld) -> None:
        before = await made(world)
        done = Done(Reason.IN_STEP, "In step")
        await world.writer.write(Report(before, done, {"sync": {"commit": "a" * 40}}))
        refused = Report(await read(world), done, {"sync": {"commit": "b" * 400}})
        await world.writer.write(refused)
        after = await read(world)
        ready, reconciling = after.status.conditions
        assert (ready.status, ready.reason) == ("False", "ClusterError")
        assert "status.sync.commit" in ready.message
        assert reconciling.type == "Reconciling"
        assert after.status.sync is not None
        assert after.status.sync.commit == "a" * 40
        version = after.metadata.resource_version
        await world.writer.write(Report(after, done, {"sync": {"commit": "b" * 400}}))
        assert (await read(world)).metadata.resource_version == version

    async def test_a_kind_that_is_not_installed_is_an_error(self, world: KubeWorld) -> None:
        with pytest.raises(ClusterError, match="install the CustomResourceDefinitions") as caught:
            await world.operator.request("GET", f"/apis/{GROUP}/v9/namespaces/x/templates/y")
        assert not isinstance(caught.value, ObjectMissing)

    async def test_an_account_is_read(self, world: KubeWorld) -> None:
        path = f"/apis/{GROUP}/v1alpha1/namespaces/{world.namespace}/gitaccounts"
        body = {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "GitAccount",
            "metadata": {"name": "acme"},
            "spec": {"provider": "Git"},
        }
        await world.user.request("POST", path, body=body)
        found = await world.cluster.get(GitAccount, world.namespace, "acme")
        assert found is not None
        assert found.spec.provider == "Git"

    async def test_someone_else_is_impersonated(self, world: KubeWorld) -> None:
        account = f"system:serviceaccount:{world.namespace}:nobody"
        with pytest.raises(ClusterError, match=f'User "{account}" cannot') as caught:
            await world.operator.request(
                "GET", f"/api/v1/namespaces/{world.namespace}/secrets/git", impersonate=account
            )
        assert caught.value.code == 403
        review = await world.operator.request(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            body={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
            impersonate=account,
        )
        assert "system:serviceaccounts" in review["status"]["userInfo"]["groups"]

    async def test_fields_are_owned_by_three_managers(self, world: KubeWorld) -> None:
        first = await world.cluster.replace_document(await made(world), DOCUMENT | {"name": "x"})
        pending = await world.cluster.set_pending_write(first, PENDING)
        await world.writer.write(Report(pending, Done(Reason.IN_STEP, "x"), {"sync": SYNC}))
        entries = (await world.raw("Template", "shop"))["metadata"]["managedFields"]
        operations = {entry["manager"]: entry["operation"] for entry in entries}
        assert operations["ebbflow"] == "Update"
        assert operations["ebbflow-queue"] == "Update"
        assert operations["ebbflow-status"] == "Update"

    async def test_kubectl_waits_for_the_generation_that_is_there(
        self, world: KubeWorld, ebbflow_cluster: DevCluster
    ) -> None:
        async def waits() -> int:
            arguments = ("wait", "--for=condition=Ready", "--timeout=0s", "-n", world.namespace)
            name = "templates.ebbflow.dev/shop"
            done = await asyncio.to_thread(
                ebbflow_cluster.kubectl_run, *arguments, name, check=False
            )
            return done.returncode

        await world.writer.write(Report(await made(world), Done(Reason.IN_STEP, "In step")))
        assert await waits() == 0
        await world.change("Template", "shop", {"spec": {"queueLimit": 3}})
        assert await waits() == 1
        await world.writer.write(Report(await read(world), Done(Reason.IN_STEP, "In step")))
        assert await waits() == 0


class TestReadiness:
    async def test_all_is_there(self, world: KubeWorld) -> None:
        assert await missing(world.operator, watches(KINDS, ())) == ()
        assert await missing(world.operator, watches(KINDS, (world.namespace,))) == ()

    async def test_a_kind_that_is_not_there_is_named(self, world: KubeWorld) -> None:
        assert await missing(world.operator, (Watch(GROUP, "nothings"),)) == (
            "the CustomResourceDefinition nothings.ebbflow.dev is missing; run `ebbflow install`",
        )


class TestElection:
    @pytest.fixture
    def clocks(self) -> tuple[ManualClock, ManualClock]:
        return ManualClock(), ManualClock()

    def _election(
        self, world: KubeWorld, identity: str, clock: ManualClock, namespace: str = ""
    ) -> LeaseElection:
        async def sleep(seconds: float) -> None:
            clock.advance(seconds)

        return LeaseElection(
            world.operator,
            namespace=namespace or world.namespace,
            name="operator",
            identity=identity,
            duration=timedelta(seconds=15),
            clock=clock,
            metrics=world.counted,
            sleep=sleep,
            chance=lambda: 0.5,
        )

    async def test_one_leads_and_the_other_takes_over_when_it_stops(
        self, world: KubeWorld, clocks: tuple[ManualClock, ManualClock]
    ) -> None:
        first = self._election(world, "one", clocks[0])
        second = self._election(world, "two", clocks[1])
        await first.acquire()
        assert first.leads()
        await second.acquire()
        assert clocks[1].monotonic() >= 15
        assert second.leads()
        assert "two took it" in await first.hold()
        assert not first.leads()

    async def test_a_released_lease_is_taken_at_once(
        self, world: KubeWorld, clocks: tuple[ManualClock, ManualClock]
    ) -> None:
        first = self._election(world, "one", clocks[0])
        await first.acquire()
        await first.release()
        assert not first.leads()
        await self._election(world, "two", clocks[1]).acquire()
        assert clocks[1].monotonic() == 0

    async def test_ones_own_lease_is_taken_back_at_once(
        self, world: KubeWorld, clocks: tuple[ManualClock, ManualClock]
    ) -> None:
        await self._election(world, "one", clocks[0]).acquire()
        await self._election(world, "one", clocks[1]).acquire()
        assert clocks[1].monotonic() == 0

    async def test_a_missing_namespace_is_named(
        self, world: KubeWorld, clocks: tuple[ManualClock, ManualClock]
    ) -> None:
        election = self._election(world, "one", clocks[0], namespace="there-is-none")
        with pytest.raises(LeaseUnavailable, match="kubectl create namespace there-is-none"):
            await election.acquire()


async def test_a_template_may_be_named_like_a_path(kubeconfig: Path) -> None:
    client = await connect(kubeconfig)
    cluster = KubeCluster(client, OwnWrites(), lambda _: None)
    assert await cluster.get(Template, "default", "../../secrets/x") is None
    await client.close()
