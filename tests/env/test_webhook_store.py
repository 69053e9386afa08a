"""The store of webhooks against a real API server and with the operator's own rights, held to the
same contract as the fake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.installation import operator_kubeconfig
from tests.support.kube_world import KubeWorld, kube_world
from tests.support.webhook_store_contract import WebhookStoreContract


@pytest.fixture(scope="module")
def operator_config(cluster: ControlPlane, rbac_usage: None) -> Path:
    del rbac_usage
    return operator_kubeconfig(cluster)


@pytest_asyncio.fixture
async def world(cluster: ControlPlane, operator_config: Path) -> AsyncIterator[KubeWorld]:
    async with kube_world(cluster.kubeconfig, operator_config, "webhook-store") as made:
        yield made


class TestKubeWebhookStore(WebhookStoreContract):
    pass
