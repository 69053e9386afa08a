"""A node that runs pods: containerd, kubelet, kube-proxy and CoreDNS in namespaces of their own.

Network, mounts and processes live in namespaces that end with the node's first process
(sandbox.py), however that ends. So the kernel takes back interfaces, firewall rules, mounts and
the processes of pods; what is left, the control groups, is removed by `close`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ebbflow.devcluster import command_lines, images, node_settings, preflight
from ebbflow.devcluster.admin import AdminClient
from ebbflow.devcluster.binaries import Binaries
from ebbflow.devcluster.certificates import Certificates
from ebbflow.devcluster.command_lines import Ports
from ebbflow.devcluster.layout import Layout
from ebbflow.devcluster.network import SLOTS, Link
from ebbflow.devcluster.parts import Parts
from ebbflow.devcluster.trouble import ClusterFailed

SANDBOX: Final = "containerd"
# These share the node's mounts as well; the others only its network, so they can be paused.
WITHIN: Final = ("kube-controller-manager", "kubelet", "kube-proxy")
HIDDEN: Final = "hidden"
SLOT_TRIES: Final = 20
START_SECONDS: Final = 60.0
IMPORT_SECONDS: Final = 60.0
CONFLICT: Final = 409
MERGE_PATCH: Final = "application/merge-patch+json"
CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")

Launch = Callable[[str, list[str]], None]


class RealNode:
    """The node of one cluster, started here or found again by its pid files."""

    def __init__(self, layout: Layout, certificates: Certificates, parts: Parts) -> None:
        self._layout: Final = layout
        self._certificates: Final = certificates
        self._parts: Final = parts

    def open(
        self, binaries: Binaries, group: int | None, choose: random.Random, before: Link | None
    ) -> Link:
        """Make the namespaces, start containerd in them and connect them to the machine.

        `before` is the link of the last start; with the same address the cluster's own Endpoints
        stay right. Volumes and images are still there, too: it is as after a reboot. Raises
        ToolchainMissing if this machine cannot do that, ClusterFailed.
        """
        preflight.check()
        own = self._layout.node
        shutil.rmtree(own / HIDDEN / "run", ignore_errors=True)
        self._write_settings()
        kept = {str(self._layout.root), *(str(path.parent) for path in binaries.paths.values())}
        settings = own / "containerd.toml"
        command = [
            *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("--propagation", "private", "--"),
            *(sys.executable, "-I", "-S", str(Path(__file__).with_name("sandbox.py"))),
            *(str(own / HIDDEN), *sorted(kept), "--"),
            *("containerd", "--config", str(settings)),
        ]
        self._parts.start(SANDBOX, command, group=group, forks=True)
        return self._connect(choose, before)

    def wrap(self, name: str, command: list[str]) -> tuple[list[str], bool]:
        """Return the command that starts part `name` in the namespaces, and whether it forks."""
        if name in WITHIN:
            return self._within(command), True
        return ["nsenter", f"--net=/proc/{self._pid()}/ns/net", "--", *command], False

    def start(self, client: AdminClient, ports: Ports, launch: Launch) -> None:
        """Import the images, start the node's parts, and create what the cluster begins with."""
        link = Link.at(ports.address)
        make_control_groups(link)
        self._write_cluster_settings(link)
        self._import_images()
        flags = command_lines.kubelet(
            self._layout, ports, name=node_settings.NAME, root=node_settings.KUBELET_ROOT
        )
        launch("kubelet", flags)
        launch("kube-proxy", command_lines.kube_proxy(self._layout, name=node_settings.NAME))
        launch("coredns", ["-conf", str(self._layout.node / "Corefile")])
        for path, document in node_settings.first_objects(link):
            # After a restart of the cluster they are there already, but the address is another.
            if client.request("POST", path, document).status == CONFLICT:
                name = document["metadata"]["name"]
                client.request("PATCH", f"{path}/{name}", document, content_type=MERGE_PATCH)

    def _connect(self, choose: random.Random, before: Link | None) -> Link:
        for tried in range(SLOT_TRIES):
            link = before if before and tried == 0 else Link(choose.randrange(SLOTS))
            if link.create(self._pid()):
                return link
        raise ClusterFailed(
            "No free address for a node was found",
            "network interfaces",
            "see `ip link`; `ebbflow down` removes clusters that are not needed any more",
        )

    def _pid(self) -> int:
        return self._parts[SANDBOX].identity.pid

    def _within(self, command: list[str]) -> list[str]:
        return ["nsenter", f"--target={self._pid()}", "--net", "--mount", "--pid", "--", *command]

    def _write_settings(self) -> None:
        own = self._layout.node
        network = own / "network"
        network.mkdir(exist_ok=True)
        (network / "10-pods.conflist").write_text(node_settings.pod_network())
        snapshotter = "overlayfs" if _overlays_work(own) else "native"
        settings = node_settings.containerd_settings(network, snapshotter)
        (own / "containerd.toml").write_text(settings)

    def _write_cluster_settings(self, link: Link) -> None:
        own = self._layout.node
        settings = node_settings.kubelet_settings(self._certificates, own, control_group(link))
        (own / "kubelet.yaml").write_text(settings)
        (own / "resolv.conf").write_text("")
        kubeconfig = self._layout.certificates / "coredns.kubeconfig"
        (own / "Corefile").write_text(node_settings.dns_settings(kubeconfig, link.inner))

    def _import_images(self) -> None:
        archive = self._layout.node / "images.tar"
        busybox = Path(shutil.which("busybox") or "busybox")
        images.write_archive(archive, images.busybox_layer(busybox))
        self.import_archive(archive)
        archive.unlink()

    def import_archive(self, archive: Path) -> None:
        """Load the images of an archive, once containerd answers. Raises ClusterFailed."""
        ctr = self._within(["ctr", "--address", node_settings.SOCKET, "--namespace", "k8s.io"])
        self._parts.wait(
            lambda: _succeeds([*ctr, "version"]),
            START_SECONDS,
            "the start of containerd",
            (SANDBOX,),
        )
        try:
            # Through the standard input: its path may mean nothing in the node's mounts.
            with archive.open("rb") as read:
                done = subprocess.run(  # noqa: S603 - no shell
                    [*ctr, "images", "import", "-"],
                    stdin=read,
                    capture_output=True,
                    text=True,
                    timeout=IMPORT_SECONDS,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise self._not_imported(archive, f"not within {IMPORT_SECONDS:g} s") from error
        if done.returncode != 0:
            raise self._not_imported(archive, done.stderr.strip())

    def _not_imported(self, archive: Path, why: str) -> ClusterFailed:
        log = self._layout.log(SANDBOX)
        return ClusterFailed(f"The images cannot be imported: {why}", str(archive), f"see {log}")


def control_group(link: Link) -> str:
    """Return the name of the control group that the pods' own ones are made in."""
    return f"ebbflow-{link.slot}"


def make_control_groups(link: Link) -> None:
    """Make the group in each hierarchy; the kubelet wants to find it there."""
    for group in _control_groups(link):
        group.mkdir(exist_ok=True)


def close(link: Link) -> None:
    """Remove what the end of the node's processes leaves of it."""
    link.remove()
    for top in _control_groups(link):
        for directory, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(directory).rmdir()


def _control_groups(link: Link) -> list[Path]:
    """Return the node's group in each hierarchy: one with version 2, else one a controller."""
    own = control_group(link)
    hierarchies = [CONTROL_GROUPS, *CONTROL_GROUPS.iterdir()]
    return [each / own for each in hierarchies if (each / "cgroup.procs").exists()]


def _succeeds(command: list[str]) -> bool:
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    return done.returncode == 0


def _overlays_work(directory: Path) -> bool:
    """Tell whether a file system of layers can lie in `directory`; in a container it often cannot."""
    probe = directory / "probe"
    lower, upper, work, merged = (probe / name for name in ("lower", "upper", "work", "merged"))
    for each in (lower, upper, work, merged):
        each.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    works = _succeeds(
        ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, str(merged)]
    )
    shutil.rmtree(probe, ignore_errors=True)
    return works
