"""The node that kwok plays: pods get the status that they would get, and no process runs.

What happens to which pod is in simulated_node.yaml.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from ebbflow.devcluster import command_lines
from ebbflow.devcluster.admin import AdminClient
from ebbflow.devcluster.build import machine
from ebbflow.devcluster.certificates import Certificates
from ebbflow.devcluster.command_lines import SIMULATED, Ports
from ebbflow.devcluster.layout import Layout

NAME: Final = "kwok-0"
NODES: Final = "/api/v1/nodes"
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
CONFLICT: Final = 409
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
STAGES: Final = Path(__file__).with_name("simulated_node.yaml")
LOG_LINE: Final = "1970-01-01T00:00:00Z stdout F no process runs: this node is simulated by kwok\n"


def node_object() -> dict[str, Any]:
    """Return the Node that kwok is to play."""
    key, _, value = SIMULATED.partition("=")
    labels = {
        "kubernetes.io/arch": machine(),
        "kubernetes.io/hostname": NAME,
        "kubernetes.io/os": "linux",
        "type": "kwok",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NAME, "labels": labels, "annotations": {key: value}},
    }


def write_stages(layout: Layout) -> tuple[Path, ...]:
    """Write what kwok reads beside the stages, and return all of its files.

    It is the log that every container has: without one `kubectl logs` would be an error.
    """
    log = layout.node / "container.log"
    log.write_text(LOG_LINE)
    logs = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "all"},
        "spec": {"logs": [{"logsFile": str(log)}]},
    }
    file = layout.node / "logs.yaml"
    file.write_text(yaml.safe_dump(logs))
    return (STAGES, file)


def start(
    client: AdminClient,
    layout: Layout,
    certificates: Certificates,
    ports: Ports,
    launch: Callable[[str, list[str]], None],
) -> None:
    """Create the Node, if an earlier start of the cluster has not, and start kwok."""
    # kwok would wait until the lease of its last run is over.
    client.request("DELETE", f"{LEASES}/{NAME}")
    if client.request("POST", NODES, node_object()).status == CONFLICT:
        # It still says that it is ready, and by which port: kwok looks again at one that is not.
        unknown = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
        path = f"{NODES}/{NAME}/status"
        client.request("PATCH", path, {"status": unknown}, content_type=STRATEGIC_PATCH)
    launch("kwok", command_lines.kwok(layout, certificates, ports, write_stages(layout)))
