"""The command line of each part of the control plane.

What is left out on purpose: nothing that changes how the API server answers. Only what a single
machine does not need is switched off: leader election, the controllers' own serving ports, fsync,
and without a real node the endpoints of the `kubernetes` Service.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ebbflow.devcluster.certificates import Certificates
from ebbflow.devcluster.layout import Layout
from ebbflow.devcluster.ports import LOOPBACK

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
SERVICE_RANGE: Final = "10.96.0.0/16"
POD_RANGE: Final = "10.244.0.0/24"
# The annotation by which kwok knows its Nodes, as in its own documentation.
SIMULATED: Final = "kwok.x-k8s.io/node=fake"
# Bounds what the log of a cluster that lives for weeks takes on the disk.
AUDIT_LOG_MEGABYTES: Final = 100


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers of one cluster listen; `kubelet` is the port of a simulated node.

    The address is loopback, or that of the real node, in whose network they all are then.
    """

    api: int
    etcd: int
    etcd_peer: int
    kubelet: int
    address: str = LOOPBACK

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://{self.address}:{self.api}"

    def numbers(self) -> tuple[int, ...]:
        """Return the ports."""
        return (self.api, self.etcd, self.etcd_peer, self.kubelet)


def etcd(layout: Layout, certificates: Certificates, ports: Ports) -> list[str]:
    """Return etcd's flags: one member, mutual TLS, no fsync."""
    clients = f"https://{ports.address}:{ports.etcd}"
    peers = f"https://{ports.address}:{ports.etcd_peer}"
    own, authority = certificates.etcd, certificates.etcd_authority.certificate
    return [
        "--name=default",
        f"--data-dir={layout.data}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--client-cert-auth",
        f"--trusted-ca-file={authority}",
        f"--cert-file={own.certificate}",
        f"--key-file={own.key}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={authority}",
        f"--peer-cert-file={own.certificate}",
        f"--peer-key-file={own.key}",
        # A development cluster may lose its last writes with the power; it gains much speed.
        "--unsafe-no-fsync",
        # Milliseconds. The only member elects itself after one timeout: with etcd's own second it
        # would be what the start of the whole cluster waits for.
        "--heartbeat-interval=25",
        "--election-timeout=125",
        "--log-level=warn",
    ]


def apiserver(
    layout: Layout, certificates: Certificates, ports: Ports, *, audited: bool, rotated: bool
) -> list[str]:
    """Return the API server's flags: RBAC, one address only, audit log if there is a policy."""
    client, server = certificates.etcd_client, certificates.server
    flags = [
        f"--bind-address={ports.address}",
        f"--advertise-address={ports.address}",
        f"--secure-port={ports.api}",
        f"--etcd-servers=https://{ports.address}:{ports.etcd}",
        f"--etcd-cafile={certificates.etcd_authority.certificate}",
        f"--etcd-certfile={client.certificate}",
        f"--etcd-keyfile={client.key}",
        f"--client-ca-file={certificates.authority.certificate}",
        f"--tls-cert-file={server.certificate}",
        f"--tls-private-key-file={server.key}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={certificates.service_account_public_key}",
        f"--service-account-signing-key-file={certificates.service_account_key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--allow-privileged=true",
        # No resolver knows the names of Nodes.
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    ]
    if ports.address == LOOPBACK:
        # A loopback address is not valid there, and there are no pods to use it.
        flags.append("--endpoint-reconciler-type=none")
    else:
        flags += [
            f"--kubelet-certificate-authority={certificates.authority.certificate}",
            f"--kubelet-client-certificate={certificates.kubelet_client.certificate}",
            f"--kubelet-client-key={certificates.kubelet_client.key}",
        ]
    if audited:
        flags += [
            f"--audit-policy-file={layout.audit_policy}",
            f"--audit-log-path={layout.audit_log}",
            "--audit-log-format=json",
            f"--audit-log-maxsize={AUDIT_LOG_MEGABYTES if rotated else 0}",
            "--audit-log-maxbackup=1",
        ]
    return flags


def controller_manager(layout: Layout, certificates: Certificates) -> list[str]:
    """Return the controller manager's flags: every controller with its own ServiceAccount."""
    authority = certificates.authority
    return [
        f"--kubeconfig={layout.certificates / 'controller-manager.kubeconfig'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        "--use-service-account-credentials=true",
        # Its own limit of 20 requests a second would make the first ServiceAccounts 4 s late.
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        f"--service-account-private-key-file={certificates.service_account_key}",
        f"--root-ca-file={authority.certificate}",
        f"--cluster-signing-cert-file={authority.certificate}",
        f"--cluster-signing-key-file={authority.key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        # Volumes on the disk of a real node; nothing else asks for that provisioner.
        "--enable-hostpath-provisioner",
        # Root's would make its default directory below /usr, and leave it there.
        f"--flex-volume-plugin-dir={layout.root / 'volume-plugins'}",
    ]


def kwok(
    layout: Layout, certificates: Certificates, ports: Ports, stages: tuple[Path, ...]
) -> list[str]:
    """Return kwok's flags: it plays the Nodes that ask for it and their pods, by the `stages`."""
    return [
        f"--kubeconfig={layout.certificates / 'kwok.kubeconfig'}",
        *(f"--config={file}" for file in stages),
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={SIMULATED}",
        f"--node-ip={LOOPBACK}",
        f"--node-port={ports.kubelet}",
        f"--cidr={POD_RANGE}",
        # kwok takes a Node over only when the lease of its last run is over.
        "--node-lease-duration-seconds=10",
        # Where the API server asks for logs; nothing there executes anything.
        f"--server-address={LOOPBACK}:{ports.kubelet}",
        f"--tls-cert-file={certificates.server.certificate}",
        f"--tls-private-key-file={certificates.server.key}",
    ]


def scheduler(layout: Layout) -> list[str]:
    """Return the scheduler's flags."""
    return [
        f"--kubeconfig={layout.certificates / 'scheduler.kubeconfig'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
    ]


def kubelet(layout: Layout, ports: Ports, *, name: str, root: str) -> list[str]:
    """Return the kubelet's flags; the rest is in its configuration (node_settings.py)."""
    return [
        f"--config={layout.node / 'kubelet.yaml'}",
        f"--kubeconfig={layout.certificates / 'kubelet.kubeconfig'}",
        f"--root-dir={root}",
        f"--hostname-override={name}",
        f"--node-ip={ports.address}",
    ]


def kube_proxy(layout: Layout, *, name: str) -> list[str]:
    """Return kube-proxy's flags: rules of iptables in the node's own network."""
    return [
        f"--kubeconfig={layout.certificates / 'kube-proxy.kubeconfig'}",
        "--proxy-mode=iptables",
        f"--hostname-override={name}",
        f"--cluster-cidr={POD_RANGE}",
        # The limit of connections is the machine's.
        "--conntrack-max-per-core=0",
        f"--healthz-bind-address={LOOPBACK}:10256",
        f"--metrics-bind-address={LOOPBACK}:10249",
    ]
