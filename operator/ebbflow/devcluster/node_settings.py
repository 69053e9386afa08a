"""The settings of a real node's programs, and the objects that its cluster begins with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

from ebbflow.devcluster.certificates import Certificates
from ebbflow.devcluster.command_lines import POD_RANGE
from ebbflow.devcluster.images import PAUSE
from ebbflow.devcluster.network import Link
from ebbflow.devcluster.preflight import CNI_PLUGINS

NAME: Final = "node-0"
DNS_ADDRESS: Final = "10.96.0.10"
DNS_PORT: Final = 53
DOMAIN: Final = "cluster.local"
# These places are the node's own: sandbox.py hides the machine's.
SOCKET: Final = "/run/containerd/containerd.sock"
KUBELET_ROOT: Final = "/var/lib/kubelet"
STORAGE_CLASS: Final = "hostpath"
READER: Final = "ebbflow:coredns"


def containerd_settings(directory: Path, snapshotter: str) -> str:
    """Return containerd's configuration (version 2, plugin CRI); runc without systemd."""
    return f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd/state"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Root in a container or a small virtual machine may not make processes less likely to be killed.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{directory}"
"""


def pod_network() -> str:
    """Return the CNI configuration: one bridge, addresses from POD_RANGE, host ports."""
    ranges = [[{"subnet": POD_RANGE}]]
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    network = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}
    return json.dumps(network)


def kubelet_settings(certificates: Certificates, directory: Path, cgroup: str) -> str:
    """Return the kubelet's configuration (kubelet.config.k8s.io/v1beta1).

    Who asks it for logs or to execute something has to have a client certificate or a token, and
    the API server is asked whether they may.
    """
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "readOnlyPort": 0,
            "failSwapOn": False,
            # Refused by default since 1.35, but many machines still have version 1.
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "cgroupsPerQOS": True,
            "enforceNodeAllocatable": [],
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(certificates.authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(certificates.kubelet_server.certificate),
            "tlsPrivateKeyFile": str(certificates.kubelet_server.key),
            "clusterDNS": [DNS_ADDRESS],
            "clusterDomain": DOMAIN,
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            # There is no registry to get a removed image from again.
            "imageGCHighThresholdPercent": 100,
            # A nearly full disk of a developer must not keep pods away.
            "evictionHard": {},
            "nodeStatusUpdateFrequency": "5s",
            "volumePluginDir": f"{KUBELET_ROOT}/volume-plugins",
            "resolvConf": str(directory / "resolv.conf"),
            "oomScoreAdj": 0,
        }
    )


def dns_settings(kubeconfig: Path, address: str) -> str:
    """Return CoreDNS's configuration: names of the cluster, and no others."""
    return f"""\
.:{DNS_PORT} {{
    bind {address}
    errors
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
    }}
    cache 5
}}
"""


def first_objects(link: Link) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects that the cluster begins with, each with the path that it is posted to."""
    rbac, services = "/apis/rbac.authorization.k8s.io/v1", "/api/v1/namespaces/kube-system/services"
    slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
    ports = [
        {"name": f"dns-{name.lower()}", "port": DNS_PORT, "protocol": name}
        for name in ("UDP", "TCP")
    ]
    return [
        (f"{rbac}/clusterroles", {
            "metadata": {"name": READER},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ],
        }),
        (f"{rbac}/clusterrolebindings", {
            "metadata": {"name": READER},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": READER},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": READER}],
        }),
        (services, {
            "metadata": {"name": "kube-dns"},
            "spec": {"clusterIP": DNS_ADDRESS, "ports": ports},
        }),
        # Without a selector: CoreDNS is no pod.
        (slices, {
            "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [link.inner]}],
            "ports": ports,
        }),
        ("/apis/storage.k8s.io/v1/storageclasses", {
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/host-path",
        }),
    ]  # fmt: skip
