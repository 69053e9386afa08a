"""The composition root: settings in, a running operator out."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import os
import sys
from contextlib import AsyncExitStack
from random import SystemRandom

import kopf

from ebbflow.adapters import logs
from ebbflow.adapters.admission.credentials import Credentials
from ebbflow.adapters.admission.plan import plan
from ebbflow.adapters.admission.receiver import AdmissionReceiver
from ebbflow.adapters.cel import CelConditions
from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.git.backend import DulwichBackend
from ebbflow.adapters.git.limits import SOURCE_LIMITS, HostPolicy
from ebbflow.adapters.git.resolve import look_up_name
from ebbflow.adapters.http_client import AioHttpClient
from ebbflow.adapters.kube import readiness
from ebbflow.adapters.kube.approval_guard import KubeApprovalGuard
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.cluster import KubeCluster
from ebbflow.adapters.kube.connection import NoCluster
from ebbflow.adapters.kube.credential_secret import CredentialSecret
from ebbflow.adapters.kube.discovery import Discovery
from ebbflow.adapters.kube.election import LeaseElection, LeaseUnavailable
from ebbflow.adapters.kube.events import EventRecorder
from ebbflow.adapters.kube.guarded import DOCUMENT_MANAGER
from ebbflow.adapters.kube.identity import own_user
from ebbflow.adapters.kube.leadership import LeaseLeadership
from ebbflow.adapters.kube.made_objects import MadeObjects
from ebbflow.adapters.kube.objects import KubeObjects
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.owned_triggers import KubeOwnedTriggers
from ebbflow.adapters.kube.pod_exec import KubePodExec
from ebbflow.adapters.kube.pod_logs import KubePodLogs
from ebbflow.adapters.kube.run_store import KubeRunStore
from ebbflow.adapters.kube.status import KubeStatusWriter
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.adapters.kube.verbs import KubeVerbs
from ebbflow.adapters.kube.watching import WatchRecord
from ebbflow.adapters.kube.webhook import WebhookRegistration
from ebbflow.adapters.metrics import Metrics
from ebbflow.adapters.probes import CannotListen, HttpServer, serve_health, serve_metrics
from ebbflow.adapters.providers import ProviderApis
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.rbac import CREDENTIAL_SECRET
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.edit_record import RecordKey
from ebbflow.domain.secret import Tainted
from ebbflow.handlers import gitaccount, gittrigger, run, template
from ebbflow.handlers.events import Intake
from ebbflow.handlers.lifecycle import Operator
from ebbflow.handlers.loop import Loop, Reconciler
from ebbflow.handlers.watches import Watches, watch_paths
from ebbflow.handlers.webhooks import Webhooks
from ebbflow.handlers.workqueue import WorkQueue
from ebbflow.services.account_check import AccountCheck
from ebbflow.services.account_identity import AccountIdentities
from ebbflow.services.document_check import DocumentCheck
from ebbflow.services.document_triggers import DocumentTriggers
from ebbflow.services.first_sights import FirstSights
from ebbflow.services.git_access import GitAccess
from ebbflow.services.inventories import Inventories
from ebbflow.services.made_objects import MadeLog, NotingObjects
from ebbflow.services.nodes.registry import Ports, node_kinds
from ebbflow.services.removal import Removal
from ebbflow.services.repository_commits import RepositoryCommits
from ebbflow.services.repository_files import RepositoryFiles
from ebbflow.services.repository_watch import RepositoryWatch
from ebbflow.services.run_aftermath import RunAftermath
from ebbflow.services.run_execution import RunExecution
from ebbflow.services.run_nodes import RunNodes
from ebbflow.services.run_queue import RunQueue
from ebbflow.services.run_rounds import RunRounds
from ebbflow.services.run_start import RunStart
from ebbflow.services.schedule import Schedule
from ebbflow.services.source_end import SourceEnd
from ebbflow.services.source_teardown import SourceTeardown
from ebbflow.services.source_trees import SourceTrees
from ebbflow.services.synced_file import SyncedFiles
from ebbflow.services.template_sync import TemplateSync
from ebbflow.services.tenant_secrets import TenantSecrets
from ebbflow.services.trigger_intake import TriggerIntake
from ebbflow.services.trigger_ledger import TriggerLedger
from ebbflow.services.trigger_look import TriggerLook
from ebbflow.services.triggered_runs import TriggeredRuns
from ebbflow.services.update_runs import UpdateRuns
from ebbflow.settings import Settings, Shard

log = logging.getLogger(__name__)

HANDLERS = (template, gitaccount, run, gittrigger)
WATCHED = (Template, GitAccount, Run, GitTrigger)
"""The modules that watch a kind each, in plain sight."""

CANNOT_START = 2

GARBAGE_OBJECTS = 10_000
"""New objects until the garbage collector looks at them; Python's own 700 is for small programs."""

LEASE = "ebbflow-operator"
LEASE_NAMESPACES = ("ebbflow-system", "default")
"""Where the Lease and the credentials of admission are kept outside a pod: the first of these that exists."""


def main(settings: Settings) -> int:
    """Run the operator until it is told to stop; returns the exit code."""
    logs.configure(settings.log_format, settings.log_level)
    _spare_the_collector()
    try:
        return asyncio.run(_run(settings))
    except (NoCluster, CannotListen, LeaseUnavailable) as error:
        _say(settings, error)
        return CANNOT_START


def _spare_the_collector() -> None:
    """Have the garbage collector look less often, and never at what was imported.

    Its looks at all that lives took a tenth of the time while many objects came, and held
    everything up for a fifth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 10, 10)


def _say(settings: Settings, error: Exception) -> None:
    """Tell people in three lines why there is no operator; machines get one JSON line."""
    if settings.log_format == "json":
        log.error("%s", error)
    else:
        sys.stderr.write(f"ebbflow: {error}\n")


async def _run(settings: Settings) -> int:
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        client = await KubeClient.load(metrics)
        stack.push_async_callback(client.close)
        if token := (await client.connection_info()).token:
            logs.register_secret(token)
        receiver = _receiver(settings, client, metrics)
        operator, webhooks = _compose(settings, client, metrics, receiver, stack)
        health = await serve_health(settings.health_address, operator.ailments, operator.problems)
        stack.push_async_callback(health.stop)
        served = await serve_metrics(settings.metrics_address, metrics.render)
        stack.push_async_callback(served.stop)
        if settings.webhook_address is not None:
            await webhooks.listen(settings.webhook_address)
            stack.push_async_callback(webhooks.close)
        stack.push_async_callback(_cancel, asyncio.create_task(receiver.run()))
        log.info(
            "listening: health on %s, metrics on %s",
            _text(health),
            _text(served),
            extra={"health": _text(health), "metrics": _text(served)},
        )
        return await operator.run()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _text(server: HttpServer) -> str:
    return f"{server.address.host}:{server.address.port}"


def _receiver(settings: Settings, client: KubeClient, metrics: Metrics) -> AdmissionReceiver:
    def keep_out_of_logs(credentials: Credentials) -> None:
        logs.register_secret(Tainted(credentials.record_key.hex()))
        logs.register_secret(Tainted(credentials.path_token))

    lease, shard = lease_name(settings), settings.shard
    return AdmissionReceiver(
        plan(settings, os.environ, lease, lambda place: serves(shard, place), DOCUMENT_MANAGER),
        CredentialSecret(client, _own_namespaces(), CREDENTIAL_SECRET),
        WebhookRegistration(client),
        lambda: own_user(client),
        keep_out_of_logs,
        SystemClock(),
        metrics,
    )


def _compose(
    settings: Settings,
    client: KubeClient,
    metrics: Metrics,
    receiver: AdmissionReceiver,
    stack: AsyncExitStack,
) -> tuple[Operator, Webhooks]:
    clock, random, own_writes = SystemClock(), SystemRandom(), OwnWrites()
    schedule = Schedule(clock)
    queue = WorkQueue(schedule, own_writes, metrics, clock, random)
    cluster = KubeCluster(client, own_writes, logs.register_secret)
    events = EventRecorder(client, settings.identity)
    status = KubeStatusWriter(client, events, own_writes, clock, logs.redactor)
    policy = HostPolicy(settings.allowed_hosts, settings.allow_insecure_http)
    git = DulwichBackend(settings.cache_dir, policy, metrics, clock)
    stack.push_async_callback(git.close)
    # Its caches hold larger files, so they are not those of documents.
    source_git = DulwichBackend(settings.cache_dir, policy, metrics, clock, limits=SOURCE_LIMITS)
    stack.push_async_callback(source_git.close)
    access, sights = GitAccess(cluster), FirstSights()
    watch = RepositoryWatch(git, queue.add, schedule, clock, random)
    interval = settings.poll_interval
    elections = [
        _election(settings, client, namespace, clock, metrics) for namespace in _own_namespaces()
    ]
    store = KubeRunStore(client, events, own_writes, clock, logs.redactor, receiver.record_key)
    webhooks = Webhooks(
        settings,
        client,
        cluster,
        KubeRunStore(client, events, OwnWrites(), clock, logs.redactor, receiver.record_key),
        watch,
        schedule,
        receiver.record_key,
        lambda: any(election.leads() for election in elections),
        clock,
        metrics,
    )
    leadership, files = LeaseLeadership(elections), RepositoryFiles(git, access)
    turns, runs = _runs(
        settings,
        client,
        cluster,
        store,
        queue,
        leadership,
        files,
        receiver.record_key,
        SyncedFiles(git, access),
        SourceTrees(source_git, access),
        RepositoryCommits(git, access),
        events,
        stack,
    )
    providers = ProviderApis(_http_client(settings, stack), clock)
    owned = KubeOwnedTriggers(client, own_writes)
    documents = DocumentTriggers(UpdateRuns(store, turns), owned, cluster)
    reconcilers: dict[str, Reconciler] = {
        "Template": TemplateSync(
            cluster,
            status,
            git,
            access,
            watch,
            clock,
            metrics,
            poll_interval=interval,
            commit_window=settings.commit_window,
            record_key=receiver.record_key,
            is_secret=logs.redactor.holds,
            updates=documents,
            sights=sights,
        ),
        "GitAccount": AccountCheck(
            cluster,
            access,
            AccountIdentities(providers, clock),
            queue.add,
            interval,
            webhooks.accounts if settings.webhook_address is not None else None,
        ),
        "GitTrigger": TriggerIntake(
            cluster,
            status,
            TriggerLook(git, access, watch, providers, interval),
            TriggerLedger(status, TriggeredRuns(cluster, store, turns), metrics),
            documents,
            clock,
            interval,
        ),
        "Run": runs,
        "RunQueue": turns,
    }
    for kind in reconcilers:
        metrics.max_workers(kind, settings.workers)
    operator = Operator(
        elections=elections,
        schedule=schedule,
        loop=Loop(reconcilers, status, queue, metrics, clock),
        watches=_watches(settings, client, queue, clock, sights),
        receiver=receiver,
        identity=settings.identity,
        workers=settings.workers,
    )
    return operator, webhooks


def _http_client(settings: Settings, stack: AsyncExitStack) -> AioHttpClient:
    """Return a client with connections of its own: who fills them keeps only its own kind waiting."""
    http = AioHttpClient(
        settings.allowed_hosts,
        look_up_name,
        allow_insecure_http=settings.allow_insecure_http,
    )
    stack.push_async_callback(http.close)
    return http


def _runs(
    settings: Settings,
    client: KubeClient,
    cluster: KubeCluster,
    store: KubeRunStore,
    queue: WorkQueue,
    leadership: LeaseLeadership,
    files: RepositoryFiles,
    record_key: RecordKey,
    synced: SyncedFiles,
    trees: SourceTrees,
    commits: RepositoryCommits,
    events: EventRecorder,
    stack: AsyncExitStack,
) -> tuple[RunQueue, RunExecution]:
    """Return what works on the queues of sources, and on Runs."""
    clock, cel, redact = SystemClock(), CelConditions(), logs.redactor
    discovery = Discovery(client, clock)
    system = SystemNamespaces((os.environ.get("POD_NAMESPACE") or LEASE_NAMESPACES[0],))
    kube = KubeObjects(client, discovery, system, on_secret=logs.register_secret, redact=redact)
    log_of_made = MadeLog()
    objects = NotingObjects(kube, log_of_made)
    made = MadeObjects(client, discovery, system, queue.add)
    stack.push_async_callback(made.close)
    secrets = TenantSecrets(objects, logs.register_secret)
    http = _http_client(settings, stack)
    guard, verbs = KubeApprovalGuard(client), KubeVerbs(client, system)
    pod_logs = KubePodLogs(client, system, redact)
    ports = Ports(
        objects,
        cel,
        secrets,
        files,
        http,
        cluster,
        store,
        guard,
        verbs,
        queue.add,
        pod_logs,
        KubePodExec(client, system, redact),
        trees,
        events,
        commits,
        logs.redactor.holds,
    )
    nodes = RunNodes(node_kinds(ports), secrets, clock, redact)
    inventories, removal = Inventories(cluster, store), Removal(objects)
    start = RunStart(
        store,
        objects,
        DocumentCheck(nodes.specs, cel),
        synced,
        clock,
        settings.default_service_account,
        logs.register_secret,
        record_key,
        inventories,
    )
    aftermath = RunAftermath(store, nodes, inventories, removal, log_of_made, cel, clock)
    rounds = RunRounds(store, nodes, cel, clock, aftermath.settle)
    teardown = SourceTeardown(store, record_key)
    end = SourceEnd(store, inventories, removal, teardown, clock, settings.default_service_account)
    turns = RunQueue(cluster, store, inventories, end, queue.add, clock, leadership)
    return turns, RunExecution(
        cluster, store, start, rounds, turns, made, queue.add, clock, leadership, record_key
    )


def _watches(
    settings: Settings,
    client: KubeClient,
    queue: WorkQueue,
    clock: SystemClock,
    sights: FirstSights,
) -> Watches:
    record = WatchRecord(clock)
    intake = Intake(queue, lambda namespace: serves(settings.shard, namespace), sights)

    def register(registry: kopf.OperatorRegistry) -> None:
        for module in HANDLERS:
            module.register(registry, intake)

    wanted = readiness.watches(WATCHED, settings.namespaces)
    return Watches(
        register=register,
        open_session=lambda: client.open_watch_session(record),
        server=client.server,
        record=record,
        missing=lambda: readiness.missing(client, wanted),
        paths=watch_paths(WATCHED, settings.namespaces),
        namespaces=settings.namespaces,
        clock=clock,
    )


def _election(
    settings: Settings, client: KubeClient, namespace: str, clock: SystemClock, metrics: Metrics
) -> LeaseElection:
    return LeaseElection(
        client,
        namespace=namespace,
        name=lease_name(settings),
        identity=settings.identity,
        duration=settings.lease_duration,
        clock=clock,
        metrics=metrics,
    )


def _own_namespaces() -> tuple[str, ...]:
    pod = os.environ.get("POD_NAMESPACE")
    return (pod,) if pod else LEASE_NAMESPACES


def lease_name(settings: Settings) -> str:
    """Return the Lease's name: operators that serve different parts do not exclude each other."""
    name = LEASE
    if settings.namespaces:
        served = ",".join(sorted(settings.namespaces))
        name += "-" + hashlib.sha256(served.encode()).hexdigest()[:10]
    if settings.shard.count > 1:
        name += f"-shard-{settings.shard.index}-of-{settings.shard.count}"
    return name


def serves(shard: Shard, namespace: str) -> bool:
    """Tell whether the shard serves a namespace: all objects of one belong to one shard."""
    digest = hashlib.sha256(namespace.encode()).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.index
