"""The running parts of one cluster, with their pid files."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.layout import Layout
from ebbflow.devcluster.options import Node
from ebbflow.devcluster.processes import Part, ended_early, launch, log_tail
from ebbflow.devcluster.trouble import ClusterFailed

NAMES: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
# What the first answer of the API server needs: a real node has made its network before.
SERVER: Final = ("containerd", "etcd", "kube-apiserver")
SIMULATED_NODE: Final = ("kwok",)
REAL_NODE: Final = ("containerd", "kubelet", "kube-proxy", "coredns")
EVERY: Final = (*NAMES, *SIMULATED_NODE, *REAL_NODE)
POLL_SECONDS: Final = 0.02
PAUSE_SECONDS: Final = 10.0


def names_of(node: Node) -> tuple[str, ...]:
    """Return the names of all parts of a cluster with this node, in the order of EVERY."""
    match node:
        case Node.NONE:
            return NAMES
        case Node.KWOK:
            return (*NAMES, *SIMULATED_NODE)
        case Node.REAL:
            return (*NAMES, *REAL_NODE)


def agent(node: Node) -> str:
    """Return the name of the part that speaks for the node. Raises ClusterFailed without a node."""
    match node:
        case Node.NONE:
            raise ClusterFailed("The cluster has no node", "this cluster", "start it with a node")
        case Node.KWOK:
            return "kwok"
        case Node.REAL:
            return "kubelet"


class Parts:
    """The processes of a cluster: started here, or found again by their pid files."""

    def __init__(self, layout: Layout) -> None:
        self._layout: Final = layout
        self._running: Final[dict[str, Part]] = {}
        for name in EVERY:
            identity = ProcessIdentity.load(layout.pid_file(name))
            if identity is not None:
                self._running[name] = Part(name, identity, layout.log(name))

    def __getitem__(self, name: str) -> Part:
        try:
            return self._running[name]
        except KeyError:
            raise ClusterFailed(
                f"{name} was not started", str(self._layout.root), "start the cluster first"
            ) from None

    def alive(self) -> tuple[str, ...]:
        """Return the names of the parts that run."""
        return tuple(name for name in EVERY if name in self._running and self[name].alive())

    def pids(self) -> dict[str, int]:
        """Return the pids of the parts that were started."""
        return {name: part.identity.pid for name, part in self._running.items()}

    def start(
        self, name: str, command: list[str], *, group: int | None, forks: bool = False
    ) -> None:
        """Start one part and write its pid file.

        With `forks` the command only waits for a process that it starts; that is the part then.
        """
        part = launch(name, command, self._layout.log(name), group=group)
        if forks:
            part = replace(part, identity=part.wait_for_child())
        self._running[name] = part
        part.identity.save(self._layout.pid_file(name))

    def end(self, *names: str, grace_seconds: float = 0.0) -> None:
        """End these parts (all without a name) and remove their pid files."""
        ending = [self._running[name] for name in names or EVERY if name in self._running]
        for part in ending:
            # First a signal to each, then a wait for each: they end side by side.
            part.send(signal.SIGTERM if grace_seconds > 0 else signal.SIGKILL)
        for part in ending:
            part.end(grace_seconds=grace_seconds)
            self._layout.pid_file(part.name).unlink(missing_ok=True)
            del self._running[part.name]

    def pause(self, name: str) -> None:
        """Stop a part in its tracks; return when it has really stopped."""
        part = self[name]
        part.send(signal.SIGSTOP)
        self.wait(part.identity.stopped, PAUSE_SECONDS, f"pausing {name}", (name,))

    def resume(self, name: str) -> None:
        """Let a paused part go on."""
        self[name].send(signal.SIGCONT)

    def wait(
        self, ready: Callable[[], bool], seconds: float, what: str, needed: tuple[str, ...]
    ) -> None:
        """Wait until `ready()`. Raises ClusterFailed if a needed part ends, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            for part in self._running.values():
                if part.name in needed and not part.alive():
                    raise ended_early(part.name, part.exit_code(), part.log)
            if time.monotonic() >= deadline:
                log = self._layout.log("kube-apiserver")
                tail = "\n    ".join(log_tail(log))
                raise ClusterFailed(
                    f"{what} took longer than {seconds:g} s; last lines of the API server:\n    {tail}",
                    str(log.parent),
                    "read the logs there; a very busy machine may just need another try",
                )
            time.sleep(POLL_SECONDS)
