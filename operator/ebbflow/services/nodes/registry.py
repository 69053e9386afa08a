"""All kinds of nodes that can be run: a new kind is one file here and one entry below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ebbflow.domain.approvals import ApprovalGuard
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.http import HttpClient
from ebbflow.domain.leaks import IsSecret
from ebbflow.domain.objects import Objects
from ebbflow.domain.pods.exec import PodExec
from ebbflow.domain.pods.logs import PodLogs
from ebbflow.domain.ports import Cluster, Events, Wake
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.verbs import Verbs
from ebbflow.services.nodes.action import Action
from ebbflow.services.nodes.addon import Addon
from ebbflow.services.nodes.addon_backup import AddonBackup
from ebbflow.services.nodes.approval import Approval
from ebbflow.services.nodes.build import Build
from ebbflow.services.nodes.combined_service import CombinedService
from ebbflow.services.nodes.commit import Commit
from ebbflow.services.nodes.condition import Condition
from ebbflow.services.nodes.delay import Delay
from ebbflow.services.nodes.deployment_service import DeploymentService
from ebbflow.services.nodes.git_trigger import GitTriggerNode
from ebbflow.services.nodes.http import Http
from ebbflow.services.nodes.job import CronJob, Job, ManualJob
from ebbflow.services.nodes.job_run import JobRun
from ebbflow.services.nodes.kind import NodeKind
from ebbflow.services.nodes.manifest import Manifest
from ebbflow.services.nodes.message import Message
from ebbflow.services.nodes.pods.attempt_job import AttemptJobs
from ebbflow.services.nodes.pods.building import Builds
from ebbflow.services.nodes.pods.executing import Executions
from ebbflow.services.nodes.pods.job_source import JobSources
from ebbflow.services.nodes.pods.made_once import MadeOnce
from ebbflow.services.nodes.pods.workload_changes import WorkloadChanges
from ebbflow.services.nodes.project import Namespace, Project
from ebbflow.services.nodes.run_template import RunTemplate
from ebbflow.services.nodes.secret_group import SecretGroup
from ebbflow.services.nodes.subdomain import Subdomain
from ebbflow.services.nodes.template import TemplateNode
from ebbflow.services.nodes.volume import Volume
from ebbflow.services.repositories.repository_commits import RepositoryCommits
from ebbflow.services.repositories.repository_files import RepositoryFiles
from ebbflow.services.repositories.source_trees import SourceTrees
from ebbflow.services.tenant_secrets import TenantSecrets


@dataclass(frozen=True, slots=True)
class Ports:
    """What kinds of nodes may need."""

    objects: Objects
    cel: CelCompiler
    secrets: TenantSecrets
    files: RepositoryFiles
    http: HttpClient
    cluster: Cluster
    runs: RunStore
    approvals: ApprovalGuard
    verbs: Verbs
    wake: Wake
    logs: PodLogs
    exec: PodExec
    trees: SourceTrees
    events: Events
    commits: RepositoryCommits
    is_secret: IsSecret

    @property
    def sources(self) -> JobSources:
        """What gives clones to Jobs."""
        return JobSources(self.objects, self.trees)

    @property
    def jobs(self) -> AttemptJobs:
        """What makes Jobs and follows them."""
        return AttemptJobs(self.objects, self.logs, self.sources)

    @property
    def once(self) -> MadeOnce:
        """What makes objects of one attempt."""
        return MadeOnce(self.objects, self.cel, self.jobs)

    @property
    def builds(self) -> Builds:
        """What builds images."""
        return Builds(self.objects, self.jobs, self.sources)


NODES: Final[tuple[Callable[[Ports], NodeKind[Any]], ...]] = (
    lambda ports: Manifest(ports.objects, ports.cel, ports.files),
    lambda ports: Project(ports.objects, ports.cel),
    lambda ports: Namespace(ports.objects, ports.cel),
    lambda ports: DeploymentService(ports.objects, ports.cel),
    lambda ports: CombinedService(ports.objects, ports.cel, ports.builds),
    lambda ports: Job(ports.objects, ports.cel),
    lambda ports: CronJob(ports.objects, ports.cel),
    lambda ports: ManualJob(ports.objects, ports.cel),
    lambda ports: Addon(ports.objects, ports.cel),
    lambda ports: SecretGroup(ports.objects, ports.cel),
    lambda ports: Volume(ports.objects, ports.cel),
    lambda ports: Subdomain(ports.objects, ports.cel),
    lambda ports: TemplateNode(ports.objects, ports.cel),
    lambda ports: GitTriggerNode(ports.objects, ports.cel),
    lambda ports: Condition(ports.objects, ports.cel),
    lambda ports: RunTemplate(ports.cluster, ports.runs, ports.verbs, ports.wake),
    lambda ports: Build(ports.builds),
    lambda ports: JobRun(ports.objects, ports.jobs),
    lambda ports: Action(
        Executions(ports.objects, ports.exec), WorkloadChanges(ports.objects), ports.once
    ),
    lambda ports: AddonBackup(ports.objects, ports.once),
    lambda ports: Http(ports.http, ports.secrets),
    lambda ports: Message(ports.http, ports.secrets, ports.events),
    lambda ports: Commit(ports.commits, ports.is_secret),
    lambda _: Delay(),
    lambda ports: Approval(ports.approvals),
)


def node_kinds(ports: Ports) -> tuple[NodeKind[Any], ...]:
    """Return every kind, ready to work."""
    return tuple(make(ports) for make in NODES)
