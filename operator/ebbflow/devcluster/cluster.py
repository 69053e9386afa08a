"""A real control plane as local processes: etcd, API server, controller manager, scheduler.

With a node, if one is asked for (see options.Node).
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from ebbflow.devcluster.admin import AdminClient, Answer
from ebbflow.devcluster.assembly import Assembly
from ebbflow.devcluster.binaries import Binaries, locate
from ebbflow.devcluster.command_lines import Ports
from ebbflow.devcluster.kubeconfig import Token, write_kubeconfig
from ebbflow.devcluster.options import ClusterOptions, Lifetime
from ebbflow.devcluster.parts import NAMES, agent, names_of
from ebbflow.devcluster.state import cluster_dir
from ebbflow.devcluster.trouble import ClusterFailed, DevClusterError

RESTART_GRACE_SECONDS: Final = 1.0
TOKEN_LIFE: Final = timedelta(hours=24)


class ControlPlane:
    """One local cluster.

    Use it as a context manager, or call `start` and `stop`. With Lifetime.WITH_PARENT the
    processes also end when this process does, even by kill -9. Not for use from several threads
    at once, but for `request` and `kubectl_run`. Errors are DevClusterErrors.
    """

    def __init__(
        self,
        options: ClusterOptions | None = None,
        *,
        state_dir: Path | None = None,
        binaries: Binaries | None = None,
    ) -> None:
        """Describe a cluster; nothing starts yet.

        Without `state_dir` a cluster that lives until down has the directory of its name (and
        this object stands for it if it runs already); any other gets a temporary directory that
        `stop` removes. Without `binaries` they are found or built when the cluster starts.
        """
        self.options: Final = options or ClusterOptions()
        until_down = self.options.lifetime is Lifetime.UNTIL_DOWN
        self._temporary: Final = state_dir is None and not until_down
        self._binaries = binaries
        self._assembly: Assembly | None = None
        if state_dir is None and until_down:
            state_dir = cluster_dir(self.options.name)
        if state_dir is not None:
            self._assembly = Assembly(state_dir, self.options, temporary=False)

    # What it is.

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.options.name

    @property
    def state_dir(self) -> Path:
        """The directory with all of the cluster's files."""
        return self._opened.layout.root

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._opened.layout.kubeconfig

    @property
    def kubectl(self) -> Path:
        """A kubectl that fits the API server; it lies beside the kubeconfig."""
        return self._opened.layout.kubectl

    @property
    def audit_log(self) -> Path:
        """The audit log, one JSON object a line; it goes on over restarts of the API server."""
        return self._opened.layout.audit_log

    @property
    def certificate_authority(self) -> Path:
        """The PEM file of the CA that the API server's certificate is signed by."""
        return self._opened.certificates.authority.certificate

    @property
    def url(self) -> str:
        """The address of the API server."""
        return self._ports.url

    @property
    def machine_address(self) -> str:
        """The address at which pods of a real node reach this machine; servers listen on it.

        Nothing but this machine and the node can reach it. Without a real node it is loopback.
        """
        return self._opened.machine_address

    def log(self, part: str) -> Path:
        """Return the log file of `etcd`, `kube-apiserver` and so on."""
        return self._opened.layout.log(part)

    def pids(self) -> dict[str, int]:
        """Return the pid of each part that was started, by name."""
        return self._opened.parts.pids()

    def running(self) -> bool:
        """Tell whether every part runs."""
        wanted = names_of(self.options.node)
        return self._assembly is not None and self._assembly.parts.alive() == wanted

    # From start to stop.

    def start(self) -> Self:
        """Start what does not run and wait until the API server is ready; return self.

        Ready means that /readyz answers and the namespace `default` exists. Its default
        ServiceAccount comes some time later: see `wait_for_service_account`. A cluster with a
        node is ready for pods: its Node is Ready, and that ServiceAccount is there.
        """
        if self.running():
            return self
        binaries = self._binaries = self._binaries or locate(node=self.options.node)
        if self._assembly is None:
            directory = Path(tempfile.mkdtemp(prefix=f"ebbflow-{self.name}-"))
            self._assembly = Assembly(directory, self.options, temporary=True)
        self._assembly.end(remove=False)
        try:
            self._assembly.start(binaries, datetime.now(UTC), random.SystemRandom())
        except BaseException as error:
            # A failed start leaves no process, but it leaves the logs that its message points to.
            self._assembly.end(remove=self._temporary and not isinstance(error, DevClusterError))
            raise
        return self

    def stop(self) -> None:
        """End the processes at once; remove the state if it is temporary."""
        self._end(remove=self._temporary)

    def remove(self) -> None:
        """End the processes and remove the state directory."""
        self._end(remove=True)

    def _end(self, *, remove: bool) -> None:
        if self._assembly is None:
            return
        self._assembly.end(remove=remove)
        if self._temporary:
            self._assembly = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Trouble on purpose.

    def restart_apiserver(self, *, grace_seconds: float = RESTART_GRACE_SECONDS) -> None:
        """End the API server, start it on the same port and wait until it is ready.

        It gets `grace_seconds` to end by itself (0: it is killed), for with open watches it
        would take more than a minute.
        """
        self.stop_apiserver(grace_seconds=grace_seconds)
        self.start_apiserver()

    def stop_apiserver(self, *, grace_seconds: float = 0.0) -> None:
        """End the API server alone; first let the controller manager finish its own start.

        It ends itself when the API server goes away while it starts.
        """
        self._opened.settle(self._ports)
        self._opened.parts.end("kube-apiserver", grace_seconds=grace_seconds)

    def start_apiserver(self) -> None:
        """Start the API server after `stop_apiserver`, on the same port, and wait for it."""
        binaries = self._binaries = self._binaries or locate(node=self.options.node)
        self._opened.launch_apiserver(binaries, self._ports)
        self._opened.wait_ready(self._ports)
        self._opened.launch_clients(binaries)

    def pause_etcd(self) -> None:
        """Stop etcd in its tracks (SIGSTOP): requests hang until `resume_etcd`."""
        self._opened.parts.pause("etcd")

    def resume_etcd(self) -> None:
        """Let etcd go on."""
        self._opened.parts.resume("etcd")

    def pause_node(self) -> None:
        """Stop the node's agent in its tracks: for the cluster the node is dead.

        The Node is not Ready some 50 s later; pods of a real node run on.
        """
        self._opened.parts.pause(agent(self.options.node))

    def resume_node(self) -> None:
        """Let the node's agent go on."""
        self._opened.parts.resume(agent(self.options.node))

    # Using it.

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout: float = 10.0,
    ) -> Answer:
        """Send one request as administrator (see AdminClient.request)."""
        client = AdminClient(self._ports, self._opened.certificates)
        return client.request(method, path, body, content_type=content_type, timeout=timeout)

    def kubectl_run(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        kubeconfig: Path | None = None,
        check: bool = True,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator, or as whom `kubeconfig` says; return its text output.

        With `check` an exit code other than 0 raises a DevClusterError with what kubectl said, and
        so does a kubectl that has not ended after `timeout` seconds in any case.
        """
        environment = os.environ | {
            "KUBECONFIG": str(kubeconfig or self.kubeconfig),
            "KUBECACHEDIR": str(self._opened.layout.kubectl_cache),
        }
        try:
            done = subprocess.run(  # noqa: S603 - our own kubectl, no shell
                [str(self.kubectl), *arguments],
                input=input,
                stdin=subprocess.DEVNULL if input is None else None,
                env=environment,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DevClusterError(
                f"kubectl {' '.join(arguments[:2])} did not end within {timeout:g} s",
                self.url,
                "see that the API server answers, or give it more time",
            ) from error
        if check and done.returncode != 0:
            raise DevClusterError(
                f"kubectl {' '.join(arguments[:2])} failed: {done.stderr.strip()}",
                self.url,
                "correct the arguments, or pass check=False if the failure is wanted",
            )
        return done

    def load_images(self, archive: Path) -> None:
        """Give the real node the images of an archive, as of `docker save` or in OCI's layout.

        Name them with a tag other than `latest`: those would be pulled, and there is no registry.
        """
        self._opened.load_images(archive)

    def wait_for_service_account(
        self, namespace: str = "default", name: str = "default", *, timeout: float = 60.0
    ) -> None:
        """Wait until a ServiceAccount exists; pods of its namespace are refused before."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        what = f"waiting for ServiceAccount {namespace}/{name}"
        self._opened.parts.wait(lambda: self.request("GET", path).ok, timeout, what, NAMES)

    def service_account_kubeconfig(
        self,
        namespace: str,
        name: str,
        *,
        server: str | None = None,
        life: timedelta = TOKEN_LIFE,
    ) -> Path:
        """Write a kubeconfig with a fresh token of a ServiceAccount, for its own rights alone.

        `server` is another address to use, as of a proxy; a plain http:// one gets no CA.
        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        asked = {"spec": {"expirationSeconds": int(life.total_seconds())}}
        answer = self.request("POST", path, asked)
        if not answer.ok:
            raise DevClusterError(
                f"No token for ServiceAccount {namespace}/{name}: HTTP status {answer.status}",
                self.url + path,
                "create the ServiceAccount first, and see that the API server is up",
            )
        address = server or self.url
        mark = hashlib.sha256(address.encode()).hexdigest()[:8]
        return write_kubeconfig(
            self._opened.layout.service_accounts / f"{namespace}.{name}.{mark}.kubeconfig",
            cluster=f"ebbflow-{self.name}",
            server=address,
            authority=None if address.startswith("http://") else self.certificate_authority,
            user=f"{namespace}/{name}",
            credential=Token(answer.json()["status"]["token"]),
            namespace=namespace,
        )

    @property
    def _opened(self) -> Assembly:
        if self._assembly is None:
            raise self._not_started()
        return self._assembly

    @property
    def _ports(self) -> Ports:
        ports = self._opened.ports
        if ports is None:
            raise self._not_started()
        return ports

    def _not_started(self) -> ClusterFailed:
        return ClusterFailed(f"Cluster {self.name} was not started", "this process", "call start()")
