"""What everything else stands on: connections, the queue of work, Git, the store of Runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import SystemRandom

from ebbflow.adapters import logs
from ebbflow.adapters.admission.receiver import AdmissionReceiver
from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.git.backend import DulwichBackend
from ebbflow.adapters.git.limits import HostPolicy, Limits
from ebbflow.adapters.git.resolve import look_up_name
from ebbflow.adapters.http_client import AioHttpClient
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.cluster import KubeCluster
from ebbflow.adapters.kube.election import LeaseElection
from ebbflow.adapters.kube.events import EventRecorder
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.run_store import KubeRunStore
from ebbflow.adapters.metrics import Metrics
from ebbflow.domain.edit_record import RecordKey
from ebbflow.handlers.workqueue import WorkQueue
from ebbflow.services.repositories.git_access import GitAccess
from ebbflow.services.repositories.repository_watch import RepositoryWatch
from ebbflow.services.schedule import Schedule
from ebbflow.settings import Settings
from ebbflow.wiring.elections import elections


@dataclass(frozen=True, slots=True)
class Foundation:
    """What everything else stands on, made once for the process.

    `stack` closes at the end what is opened. `record_key` verifies records of who made an edit.
    """

    settings: Settings
    client: KubeClient
    metrics: Metrics
    record_key: RecordKey
    stack: AsyncExitStack
    clock: SystemClock
    own_writes: OwnWrites
    schedule: Schedule
    queue: WorkQueue
    cluster: KubeCluster
    events: EventRecorder
    git: DulwichBackend
    access: GitAccess
    watch: RepositoryWatch
    store: KubeRunStore
    elections: Sequence[LeaseElection]

    def run_store(self, own_writes: OwnWrites) -> KubeRunStore:
        """Return a store of Runs; whose writes are noted in `own_writes` is not told of them."""
        return _run_store(self.client, self.events, own_writes, self.clock, self.record_key)

    def git_backend(self, limits: Limits) -> DulwichBackend:
        """Return Git with caches of its own."""
        return _git(self.settings, self.metrics, self.clock, self.stack, limits)

    def http_client(self) -> AioHttpClient:
        """Return a client with connections of its own: who fills them keeps only its own kind waiting."""
        http = AioHttpClient(
            self.settings.allowed_hosts,
            look_up_name,
            allow_insecure_http=self.settings.allow_insecure_http,
        )
        self.stack.push_async_callback(http.close)
        return http


def lay(
    settings: Settings,
    client: KubeClient,
    metrics: Metrics,
    receiver: AdmissionReceiver,
    stack: AsyncExitStack,
) -> Foundation:
    """Make the foundation. It opens nothing but what `stack` closes."""
    clock, random, own_writes = SystemClock(), SystemRandom(), OwnWrites()
    schedule = Schedule(clock)
    queue = WorkQueue(schedule, own_writes, metrics, clock, random)
    cluster = KubeCluster(client, own_writes, logs.register_secret)
    events = EventRecorder(client, settings.identity)
    git = _git(settings, metrics, clock, stack)
    return Foundation(
        settings=settings,
        client=client,
        metrics=metrics,
        record_key=receiver.record_key,
        stack=stack,
        clock=clock,
        own_writes=own_writes,
        schedule=schedule,
        queue=queue,
        cluster=cluster,
        events=events,
        git=git,
        access=GitAccess(cluster),
        watch=RepositoryWatch(git, queue.add, schedule, clock, random),
        store=_run_store(client, events, own_writes, clock, receiver.record_key),
        elections=elections(settings, client, clock, metrics),
    )


def _git(
    settings: Settings,
    metrics: Metrics,
    clock: SystemClock,
    stack: AsyncExitStack,
    limits: Limits | None = None,
) -> DulwichBackend:
    policy = HostPolicy(settings.allowed_hosts, settings.allow_insecure_http)
    git = DulwichBackend(settings.cache_dir, policy, metrics, clock, limits=limits)
    stack.push_async_callback(git.close)
    return git


def _run_store(
    client: KubeClient,
    events: EventRecorder,
    own_writes: OwnWrites,
    clock: SystemClock,
    record_key: RecordKey,
) -> KubeRunStore:
    return KubeRunStore(client, events, own_writes, clock, logs.redactor, record_key)
