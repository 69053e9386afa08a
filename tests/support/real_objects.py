"""A world in which the Run is in memory, and its objects are in a real cluster.

They are made as the ServiceAccount default/default, which needs its rights: see `binding`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.connection import Connection, Kubeconfig
from ebbflow.adapters.kube.discovery import Discovery
from ebbflow.adapters.kube.objects import KubeObjects
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import JsonObject
from tests.support.installation import ACCOUNT, AccountIssuer, operator_kubeconfig
from tests.support.run_stage import RunWorld
from tests.support.tenant_world import Uncounted
from tests.support.waiting import soon

SECONDS = 20
RBAC = "rbac.authorization.k8s.io"
TENANT = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}


def binding(kind: str, name: str, namespace: str, role_kind: str, role: str) -> JsonObject:
    """Return a RoleBinding or ClusterRoleBinding for the account that objects are made as."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role},
        "subjects": [TENANT],
    }


@asynccontextmanager
async def world_on(cluster: AccountIssuer) -> AsyncIterator[RunWorld]:
    """Yield a world whose objects are in the cluster, under the operator's own rights."""
    source = Kubeconfig(str(operator_kubeconfig(cluster)), None)
    client = KubeClient(await Connection.open(source), Uncounted())
    made = RunWorld()
    made.use(
        KubeObjects(
            client,
            Discovery(client, SystemClock()),
            SystemNamespaces([ACCOUNT.namespace]),
            on_secret=made.secrets.append,
            redact=lambda text: text,
        )
    )
    try:
        yield made
    finally:
        await client.close()


def within(namespace: str, *steps: JsonObject) -> JsonObject:
    """Return a workflow whose nodes are about a namespace."""
    spec = {"type": "sequential", "context": {"namespace": namespace}, "steps": list(steps)}
    return {"kind": "Workflow", "spec": spec}


async def run_to(world: RunWorld, phase: str, namespace: str, *steps: JsonObject) -> None:
    """Run a document about the namespace until the Run is in a phase."""
    world.template(within(namespace, *steps))
    world.ask()
    await world.settle()
    await until(world, phase)


async def until(world: RunWorld, phase: str, name: str = "one") -> None:
    """Make passes until the Run is in a phase: rights and definitions take a moment to bite."""

    async def there() -> bool:
        if world.phase(name) == phase:
            return True
        if world.phase(name) not in ("Running", "Waiting"):
            pytest.fail(f"the Run is {world.phase(name)}: {world.run(name).status.message}")
        await world.told(name)
        return False

    await soon(there, SECONDS, f"the Run to be {phase}")
