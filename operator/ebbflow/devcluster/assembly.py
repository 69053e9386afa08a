"""How the parts of a cluster are put together: files, ports, order of start, readiness."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from ebbflow.devcluster import command_lines, real_node, sessions, simulated_node
from ebbflow.devcluster.admin import AdminClient
from ebbflow.devcluster.binaries import Binaries
from ebbflow.devcluster.certificates import (
    Pair,
    certificate_files,
    issue_all,
)
from ebbflow.devcluster.command_lines import Ports
from ebbflow.devcluster.kubeconfig import write_kubeconfig
from ebbflow.devcluster.layout import Layout, write_private
from ebbflow.devcluster.network import Link
from ebbflow.devcluster.options import ClusterOptions, Lifetime, Node
from ebbflow.devcluster.parts import NAMES, SERVER, Parts, names_of
from ebbflow.devcluster.ports import LOOPBACK, free_ports, is_free, is_listening
from ebbflow.devcluster.processes import Keeper
from ebbflow.devcluster.state import Record, read_record
from ebbflow.devcluster.trouble import ClusterFailed

READY_SECONDS: Final = 90.0
SETTLE_SECONDS: Final = 15.0
PORT_TRIES: Final = 3
FIRST_ACCOUNT: Final = "/api/v1/namespaces/default/serviceaccounts/default"
PORT_TAKEN: Final = "address already in use"


class Assembly:
    """The files and processes of one cluster in one state directory."""

    def __init__(self, root: Path, options: ClusterOptions, *, temporary: bool) -> None:
        """Open a state directory; a `temporary` one goes with the processes."""
        self.layout: Final = Layout(root)
        self.parts: Final = Parts(self.layout)
        self.certificates: Final = certificate_files(self.layout.certificates)
        self._options: Final = options
        self._temporary: Final = temporary
        self._keeper: Keeper | None = None
        self._node: Final = real_node.RealNode(self.layout, self.certificates, self.parts)
        record = read_record(self.layout)
        self.ports: Ports | None = None if record is None else record.ports

    def start(self, binaries: Binaries, now: datetime, choose: random.Random) -> None:
        """Make the files, start every part and wait until the API server is ready.

        `now` dates the certificates, `choose` picks the ports. Another program may take a port
        between the choice and its use; then other ports are tried.
        """
        self.layout.make()
        if self._options.lifetime is Lifetime.WITH_PARENT:
            self._keeper = Keeper(remove=self.layout.root if self._temporary else None)
        address = self._open_node(binaries, choose)
        self._write_files(binaries, now, address)
        ports = self._start_on_free_ports(binaries, choose, address)
        self.launch_clients(binaries)
        self._start_node(binaries, ports)

    def launch_clients(self, binaries: Binaries) -> None:
        """Start the controller manager and the scheduler where they do not run."""
        alive = self.parts.alive()
        if "kube-controller-manager" not in alive:
            flags = command_lines.controller_manager(self.layout, self.certificates)
            self._launch(binaries, "kube-controller-manager", flags)
        if "kube-scheduler" not in alive:
            self._launch(binaries, "kube-scheduler", command_lines.scheduler(self.layout))

    def settle(self, ports: Ports) -> None:
        """Wait a little until the controller manager has started all of its controllers.

        The first ServiceAccount shows it. A server that does not answer is not waited for.
        """
        client = AdminClient(ports, self.certificates)

        def settled() -> bool:
            answer = client.request("GET", FIRST_ACCOUNT, timeout=1.0)
            return answer.ok or answer.status == 0

        with suppress(ClusterFailed):
            self.parts.wait(settled, SETTLE_SECONDS, "the controller manager's start", NAMES)

    def launch_apiserver(self, binaries: Binaries, ports: Ports) -> None:
        """Start the API server on its port."""
        flags = command_lines.apiserver(
            self.layout,
            self.certificates,
            ports,
            audited=self._options.audit_policy is not None,
            rotated=self._options.lifetime is Lifetime.UNTIL_DOWN,
        )
        self._launch(binaries, "kube-apiserver", [*flags, *self._options.apiserver_flags])

    def wait_ready(self, ports: Ports) -> None:
        """Wait until /readyz answers and the namespace `default` exists."""
        client = AdminClient(ports, self.certificates)

        def ready() -> bool:
            paths = ("/readyz", "/api/v1/namespaces/default")
            return all(client.request("GET", path).ok for path in paths)

        self.parts.wait(ready, READY_SECONDS, "the start of the API server", SERVER)

    @property
    def machine_address(self) -> str:
        """The address at which pods reach this machine."""
        return LOOPBACK if self._link is None else self._link.outer

    def load_images(self, archive: Path) -> None:
        """Import an archive of images into the real node. Raises ClusterFailed."""
        self._node.import_archive(archive)

    def end(self, *, remove: bool) -> None:
        """End every process; remove the state directory if asked."""
        self.parts.end()
        if self._link is not None:
            real_node.close(self._link)
            sessions.forget(self._link)
        if self._keeper is not None:
            self._keeper.release()
            self._keeper = None
        if remove:
            shutil.rmtree(self.layout.root, ignore_errors=True)

    def _start_on_free_ports(
        self, binaries: Binaries, choose: random.Random, address: str
    ) -> Ports:
        tries_left = PORT_TRIES
        while True:
            ports = self.ports = self._choose_ports(choose, address)
            self._write_kubeconfigs(ports)
            try:
                self._start_store_and_server(binaries, ports)
            except ClusterFailed as error:
                self.parts.end()
                tries_left -= 1
                if tries_left == 0 or PORT_TAKEN not in error.what:
                    raise
            else:
                return ports

    def _start_store_and_server(self, binaries: Binaries, ports: Ports) -> None:
        self._launch(binaries, "etcd", command_lines.etcd(self.layout, self.certificates, ports))
        # The API server tries again only after a second if etcd does not even listen.
        self.parts.wait(
            lambda: is_listening(ports.etcd, ports.address),
            READY_SECONDS,
            "the start of etcd",
            SERVER,
        )
        self.launch_apiserver(binaries, ports)
        self.wait_ready(ports)

    def _open_node(self, binaries: Binaries, choose: random.Random) -> str:
        """Return the address that the servers are to listen on."""
        match self._options.node:
            case Node.NONE | Node.KWOK:
                return LOOPBACK
            case Node.REAL:
                link = self._node.open(binaries, self._group, choose, self._link)
                if self._options.lifetime is Lifetime.WITH_PARENT:
                    sessions.sweep()
                    sessions.note(link, self.layout.root, temporary=self._temporary)
                return link.inner

    def _start_node(self, binaries: Binaries, ports: Ports) -> None:
        client = AdminClient(ports, self.certificates)

        def launch(name: str, flags: list[str]) -> None:
            self._launch(binaries, name, flags)

        match self._options.node:
            case Node.NONE:
                return
            case Node.KWOK:
                simulated_node.start(client, self.layout, self.certificates, ports, launch)
            case Node.REAL:
                self._node.start(client, ports, launch)
        self.parts.wait(
            lambda: _is_ready(client), READY_SECONDS, "the start of the node",
            names_of(self._options.node),
        )  # fmt: skip

    @property
    def _link(self) -> Link | None:
        """The link of the real node that it has or last had."""
        if self.ports is None or self.ports.address == LOOPBACK:
            return None
        return Link.at(self.ports.address)

    @property
    def _group(self) -> int | None:
        return None if self._keeper is None else self._keeper.group

    def _launch(self, binaries: Binaries, name: str, flags: list[str]) -> None:
        command, forks = [str(binaries.path(name)), *flags], False
        if self._options.node is Node.REAL:
            command, forks = self._node.wrap(name, command)
        self.parts.start(name, command, group=self._group, forks=forks)

    def _write_files(self, binaries: Binaries, now: datetime, address: str) -> None:
        issue_all(self.layout.certificates, now, address)
        if self._options.audit_policy is not None:
            self.layout.audit_policy.write_text(self._options.audit_policy)
        self.layout.kubectl.unlink(missing_ok=True)
        self.layout.kubectl.symlink_to(binaries.path("kubectl"))

    def _choose_ports(self, choose: random.Random, address: str) -> Ports:
        kept = self.ports
        if kept is None or not all(is_free(port) for port in kept.numbers()):
            api, etcd, etcd_peer, kubelet = free_ports(4, choose)
            kept = Ports(api, etcd, etcd_peer, kubelet)
        kept = replace(kept, address=address)
        record = Record(self._options.name, kept, self._options.node)
        write_private(self.layout.record, record.to_json())
        return kept

    def _write_kubeconfigs(self, ports: Ports) -> None:
        files, directory = self.certificates, self.layout.certificates
        wanted: tuple[tuple[Path, str, Pair], ...] = (
            (self.layout.kubeconfig, "admin", files.admin),
            (directory / "controller-manager.kubeconfig", "manager", files.controller_manager),
            (directory / "scheduler.kubeconfig", "scheduler", files.scheduler),
            (directory / "kwok.kubeconfig", "kwok", files.kwok),
            (directory / "kubelet.kubeconfig", "kubelet", files.kubelet),
            (directory / "kube-proxy.kubeconfig", "kube-proxy", files.kube_proxy),
            (directory / "coredns.kubeconfig", "coredns", files.coredns),
        )
        for file, user, pair in wanted:
            write_kubeconfig(
                file,
                cluster=f"ebbflow-{self._options.name}",
                server=ports.url,
                authority=files.authority.certificate,
                user=user,
                credential=pair,
            )


def _is_ready(client: AdminClient) -> bool:
    """Tell whether pods can run: a Node is Ready, and their first ServiceAccount is there."""
    answer = client.request("GET", "/api/v1/nodes")
    nodes = answer.json()["items"] if answer.ok else ()
    conditions = [each for node in nodes for each in node["status"].get("conditions", ())]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and client.request("GET", FIRST_ACCOUNT).ok
