"""The engine of runs, with the ports of all kinds of nodes."""

from __future__ import annotations

from ebbflow.adapters import logs
from ebbflow.adapters.cel import CelConditions
from ebbflow.adapters.git.limits import SOURCE_LIMITS
from ebbflow.adapters.kube.approval_guard import KubeApprovalGuard
from ebbflow.adapters.kube.discovery import Discovery
from ebbflow.adapters.kube.leadership import LeaseLeadership
from ebbflow.adapters.kube.made_objects import MadeObjects
from ebbflow.adapters.kube.objects import KubeObjects
from ebbflow.adapters.kube.pod_exec import KubePodExec
from ebbflow.adapters.kube.pod_logs import KubePodLogs
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.adapters.kube.verbs import KubeVerbs
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.registry import Ports, node_kinds
from ebbflow.services.repositories.repository_commits import RepositoryCommits
from ebbflow.services.repositories.repository_files import RepositoryFiles
from ebbflow.services.repositories.source_trees import SourceTrees
from ebbflow.services.repositories.synced_file import SyncedFiles
from ebbflow.services.runs.document_check import DocumentCheck
from ebbflow.services.runs.inventories import Inventories
from ebbflow.services.runs.made_objects import MadeLog, NotingObjects
from ebbflow.services.runs.removal import Removal
from ebbflow.services.runs.run_aftermath import RunAftermath
from ebbflow.services.runs.run_execution import RunExecution
from ebbflow.services.runs.run_nodes import RunNodes
from ebbflow.services.runs.run_queue import RunQueue
from ebbflow.services.runs.run_rounds import RunRounds
from ebbflow.services.runs.run_start import RunStart
from ebbflow.services.runs.source_end import SourceEnd
from ebbflow.services.runs.source_teardown import SourceTeardown
from ebbflow.services.tenant_secrets import TenantSecrets
from ebbflow.wiring.elections import own_namespaces
from ebbflow.wiring.foundation import Foundation


def runs_on(on: Foundation) -> tuple[RunQueue, RunExecution]:
    """Return what works on the queues of sources, and what works on Runs."""
    client, cluster, store, clock = on.client, on.cluster, on.store, on.clock
    account, wake = on.settings.default_service_account, on.queue.add
    cel, leadership = CelConditions(), LeaseLeadership(on.elections)
    discovery, system = Discovery(client, clock), _system_namespaces()
    kube = KubeObjects(
        client, discovery, system, on_secret=logs.register_secret, redact=logs.redactor
    )
    log_of_made = MadeLog()
    objects = NotingObjects(kube, log_of_made)
    made = MadeObjects(client, discovery, system, wake)
    on.stack.push_async_callback(made.close)
    secrets = TenantSecrets(objects, logs.register_secret)
    kinds = node_kinds(_ports(on, objects, cel, secrets, system))
    nodes = RunNodes(kinds, secrets, clock, logs.redactor)
    inventories, removal = Inventories(cluster, store), Removal(objects)
    checks, synced = DocumentCheck(nodes.specs, cel), SyncedFiles(on.git, on.access)
    start = RunStart(
        store,
        objects,
        checks,
        synced,
        clock,
        account,
        logs.register_secret,
        on.record_key,
        inventories,
    )
    aftermath = RunAftermath(store, nodes, inventories, removal, log_of_made, cel, clock)
    rounds = RunRounds(store, nodes, cel, clock, aftermath.settle)
    teardown = SourceTeardown(store, on.record_key)
    end = SourceEnd(store, inventories, removal, teardown, clock, account)
    turns = RunQueue(cluster, store, inventories, end, wake, clock, leadership)
    runs = RunExecution(
        cluster, store, start, rounds, turns, made, wake, clock, leadership, on.record_key
    )
    return turns, runs


def _ports(
    on: Foundation,
    objects: Objects,
    cel: CelConditions,
    secrets: TenantSecrets,
    system: SystemNamespaces,
) -> Ports:
    client, access = on.client, on.access
    return Ports(
        objects=objects,
        cel=cel,
        secrets=secrets,
        files=RepositoryFiles(on.git, access),
        http=on.http_client(),
        cluster=on.cluster,
        runs=on.store,
        approvals=KubeApprovalGuard(client),
        verbs=KubeVerbs(client, system),
        wake=on.queue.add,
        logs=KubePodLogs(client, system, logs.redactor),
        exec=KubePodExec(client, system, logs.redactor),
        # Its caches hold larger files, so they are not those of documents.
        trees=SourceTrees(on.git_backend(SOURCE_LIMITS), access),
        events=on.events,
        commits=RepositoryCommits(on.git, access),
        is_secret=logs.redactor.holds,
    )


def _system_namespaces() -> SystemNamespaces:
    return SystemNamespaces(own_namespaces()[:1])
