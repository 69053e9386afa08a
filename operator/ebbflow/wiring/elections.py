"""Who leads: the Lease, the parts of a cluster that operators divide among themselves."""

from __future__ import annotations

import hashlib
import os

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.election import LeaseElection
from ebbflow.adapters.metrics import Metrics
from ebbflow.settings import Settings, Shard

LEASE = "ebbflow-operator"
LEASE_NAMESPACES = ("ebbflow-system", "default")
"""Where the Lease and the credentials of admission are kept outside a pod: the first of these that exists."""


def elections(
    settings: Settings, client: KubeClient, clock: SystemClock, metrics: Metrics
) -> list[LeaseElection]:
    """Return the elections to take part in; whoever wins one of them leads."""
    return [
        LeaseElection(
            client,
            namespace=namespace,
            name=lease_name(settings),
            identity=settings.identity,
            duration=settings.lease_duration,
            clock=clock,
            metrics=metrics,
        )
        for namespace in own_namespaces()
    ]


def own_namespaces() -> tuple[str, ...]:
    """Return where the operator keeps what is its own: its pod's namespace, or the first that exists."""
    pod = os.environ.get("POD_NAMESPACE")
    return (pod,) if pod else LEASE_NAMESPACES


def lease_name(settings: Settings) -> str:
    """Return the Lease's name: operators that serve different parts do not exclude each other."""
    name = LEASE
    if settings.namespaces:
        served = ",".join(sorted(settings.namespaces))
        name += "-" + hashlib.sha256(served.encode()).hexdigest()[:10]
    if settings.shard.count > 1:
        name += f"-shard-{settings.shard.index}-of-{settings.shard.count}"
    return name


def serves(shard: Shard, namespace: str) -> bool:
    """Tell whether the shard serves a namespace: all objects of one belong to one shard."""
    digest = hashlib.sha256(namespace.encode()).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.index
