"""Bringing clusters up and taking them down by name, one caller at a time for each name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ebbflow.devcluster import sessions
from ebbflow.devcluster.binaries import Binaries, locate
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.locking import exclusive
from ebbflow.devcluster.options import ClusterOptions, Lifetime, Node
from ebbflow.devcluster.progress import Pulse, Say
from ebbflow.devcluster.state import Condition, KnownCluster, find, known, lock_file
from ebbflow.devcluster.trouble import DevClusterError

DESCRIPTIONS: Final = {
    Node.NONE: "without a node: pods stay pending",
    Node.KWOK: "with a simulated node: pods get a status, but no process runs",
    Node.REAL: "with a node that runs pods",
}


def clusters() -> tuple[KnownCluster, ...]:
    """Return the clusters that live until down, by name."""
    return known()


def bring_up(
    name: str, node: Node | None, say: Say, clock: Callable[[], float] = time.monotonic
) -> KnownCluster:
    """Start the cluster `name` if it does not run, and return it once it is ready.

    A stopped one starts again with its data, and with the node that it had if `node` is None; a
    new one gets a simulated node then. Raises DevClusterError.
    """
    with _alone(name, say):
        chosen = _choose_node(name, node)
        cluster = ControlPlane(ClusterOptions(name, Lifetime.UNTIL_DOWN, node=chosen))
        if cluster.running():
            say(f"Cluster {name} already runs at {cluster.url}")
            return find(name)
        # Found or built before the clock starts, with its own progress.
        binaries = _binaries(chosen, say)
        say(f"Starting cluster {name} {DESCRIPTIONS[chosen]}")
        began = clock()
        cluster = ControlPlane(cluster.options, binaries=binaries).start()
        say(f"Cluster {name} is ready at {cluster.url} after {clock() - began:.1f} s")
        return find(name)


def take_down(name: str, say: Say) -> None:
    """End the cluster `name` and remove its state. Raises NoSuchCluster, DevClusterError."""
    with _alone(name, say):
        for root in sessions.sweep():
            say(f"Removed what a program that was killed has left of its cluster in {root}")
        found = find(name)
        ControlPlane(ClusterOptions(name, Lifetime.UNTIL_DOWN)).remove()
        ended = "had ended before" if found.condition is Condition.STOPPED else "has ended"
        say(f"Cluster {name} {ended}; its state is removed")


def _choose_node(name: str, node: Node | None) -> Node:
    kept = next((each for each in known() if each.name == name), None)
    if kept is None:
        return node or Node.KWOK
    if node not in {None, kept.node} and kept.condition is not Condition.STOPPED:
        raise DevClusterError(
            f"Cluster {name} runs with another node: {kept.node.value}",
            str(kept.kubeconfig.parent),
            f"end it first with `ebbflow down --name {name}`, or choose another --name",
        )
    return node or kept.node


def _binaries(node: Node, say: Say) -> Binaries:
    try:
        return locate(say=say, node=node)
    except DevClusterError as error:
        if node is Node.NONE:
            raise
        remedy = f"{error.remedy}; without a node less is needed: `ebbflow up --node none`"
        raise DevClusterError(error.what, error.where, remedy) from error


@contextmanager
def _alone(name: str, say: Say) -> Iterator[None]:
    pulse = Pulse(say)
    waiting = f"Another process starts or ends cluster {name}; waiting for it"
    with exclusive(lock_file(name), lambda _: pulse.beat(lambda: waiting)):
        yield
