"""Bringing clusters up and taking them down by name, one caller at a time for each name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ebbflow.devcluster.binaries import locate
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.locking import exclusive
from ebbflow.devcluster.options import ClusterOptions, Lifetime
from ebbflow.devcluster.progress import Pulse, Say
from ebbflow.devcluster.state import Condition, KnownCluster, find, known, lock_file


def clusters() -> tuple[KnownCluster, ...]:
    """Return the clusters that live until down, by name."""
    return known()


def bring_up(name: str, say: Say, clock: Callable[[], float] = time.monotonic) -> KnownCluster:
    """Start the cluster `name` if it does not run, and return it once it is ready.

    A stopped one starts again with its data. Raises DevClusterError.
    """
    with _alone(name, say):
        cluster = _named(name, say)
        if cluster.running():
            say(f"Cluster {name} already runs at {cluster.url}")
            return find(name)
        say(f"Starting cluster {name}")
        began = clock()
        cluster.start()
        say(f"Cluster {name} is ready at {cluster.url} after {clock() - began:.1f} s")
        return find(name)


def take_down(name: str, say: Say) -> None:
    """End the cluster `name` and remove its state. Raises NoSuchCluster, DevClusterError."""
    with _alone(name, say):
        found = find(name)
        ControlPlane(ClusterOptions(name, Lifetime.UNTIL_DOWN)).remove()
        ended = "had ended before" if found.condition is Condition.STOPPED else "has ended"
        say(f"Cluster {name} {ended}; its state is removed")


def _named(name: str, say: Say) -> ControlPlane:
    options = ClusterOptions(name, Lifetime.UNTIL_DOWN)
    cluster = ControlPlane(options)
    if cluster.running():
        return cluster
    # Found or built before the clock starts, with its own progress.
    return ControlPlane(options, binaries=locate(say=say))


@contextmanager
def _alone(name: str, say: Say) -> Iterator[None]:
    pulse = Pulse(say)
    waiting = f"Another process starts or ends cluster {name}; waiting for it"
    with exclusive(lock_file(name), lambda _: pulse.beat(lambda: waiting)):
        yield
