"""What the contract cannot show: requests one by one."""

from __future__ import annotations

import base64

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.cluster import KubeCluster
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.api.template import Template
from ebbflow.domain.ports import ClusterError, StaleWrite
from ebbflow.domain.secret import Tainted
from tests.support.cluster_contract import PENDING
from tests.support.fake_kube_api import FakeApi, Reply, refusal

META = {"name": "shop", "namespace": "default", "uid": "u", "resourceVersion": "7"}
TEMPLATE = Template.parse({"metadata": META})


def stored(version: str) -> Reply:
    return (200, {"metadata": META | {"resourceVersion": version}})


@pytest.fixture
def known() -> list[Tainted]:
    return []


@pytest.fixture
def cluster(client: KubeClient, known: list[Tainted]) -> KubeCluster:
    return KubeCluster(client, OwnWrites(), known.append)


async def test_a_document_is_one_guarded_patch(cluster: KubeCluster, api: FakeApi) -> None:
    api.replies = [stored("8")]
    await cluster.replace_document(TEMPLATE, {"a": 1})
    (seen,) = api.requests
    assert (seen.method, seen.query) == ("PATCH", {"fieldManager": "ebbflow"})
    assert seen.body == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/spec", "value": {}},
        {"op": "add", "path": "/spec/document", "value": {"a": 1}},
    ]
    assert cluster.own_writes.is_own("u", "8")


async def test_a_pending_write_goes_to_the_status(cluster: KubeCluster, api: FakeApi) -> None:
    api.replies = [stored("8")]
    await cluster.set_pending_write(TEMPLATE, PENDING)
    (seen,) = api.requests
    assert seen.path.endswith("/templates/shop/status")
    assert seen.query == {"fieldManager": "ebbflow-queue"}
    assert [operation["path"] for operation in seen.body] == [
        "/metadata/resourceVersion",
        "/status",
        "/status/sync",
        "/status/sync/pendingWrite",
    ]


async def test_a_refused_patch_of_a_moved_object_is_stale(
    cluster: KubeCluster, api: FakeApi
) -> None:
    api.replies = [refusal(422, "the path is gone"), stored("9")]
    with pytest.raises(StaleWrite):
        await cluster.replace_document(TEMPLATE, {})


async def test_a_refused_patch_of_the_same_object_is_refused(
    cluster: KubeCluster, api: FakeApi
) -> None:
    api.replies = [refusal(422, "the document is too odd"), stored("7")]
    with pytest.raises(ClusterError, match="too odd") as caught:
        await cluster.replace_document(TEMPLATE, {})
    assert not isinstance(caught.value, StaleWrite)


async def test_binary_values_and_user_names_are_no_secrets(
    cluster: KubeCluster, api: FakeApi, known: list[Tainted]
) -> None:
    def encoded(value: bytes) -> str:
        return base64.b64encode(value).decode()

    data = {
        "keystore": encoded(b"\xff\xfe\x00"),
        "username": encoded(b"robot"),
        "password": encoded(b"canary"),
    }
    api.replies = [(200, {"metadata": {"name": "git"}, "data": data})]
    secret = await cluster.get_secret("default", "git")
    assert secret is not None
    assert set(secret.data) == {"username", "password"}
    assert secret.annotations == {}
    assert known == [Tainted("canary")]


async def test_a_secret_without_data_is_empty(cluster: KubeCluster, api: FakeApi) -> None:
    api.replies = [(200, {"metadata": {"name": "git"}})]
    secret = await cluster.get_secret("default", "git")
    assert secret is not None
    assert secret.data == {}


async def test_a_refused_read_is_no_missing_object(cluster: KubeCluster, api: FakeApi) -> None:
    api.replies = [refusal(403, "secrets is forbidden")]
    with pytest.raises(ClusterError, match="forbidden"):
        await cluster.get_secret("default", "git")
