"""What a sync would do to a Template and its file, decided as the operator decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final

import platformdirs
from typing_extensions import override

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.git.backend import DulwichBackend
from ebbflow.adapters.git.limits import HostPolicy
from ebbflow.adapters.kube.cluster import KubeCluster
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.api.base import JsonObject
from ebbflow.api.template import FieldConflict, GitPlace, Template
from ebbflow.cli.differences import document_changes
from ebbflow.cli.problem import Problem
from ebbflow.cli.session import Session
from ebbflow.domain.access import Refused
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.document import InvalidDocument, document_hash, parse
from ebbflow.domain.git import CommitId, GitError, Remote
from ebbflow.domain.plan import FieldChange
from ebbflow.domain.ports import SyncMetrics
from ebbflow.domain.sync import (
    RESOLVE,
    Base,
    Blocked,
    Decision,
    FileSide,
    InStep,
    Sides,
    TakeFromGit,
    UnreadableFile,
    WriteToGit,
    base_of,
    decide,
    edited_in_cluster,
    edited_in_git,
    synced_of,
)
from ebbflow.services.repositories.git_access import GitAccess

CACHE: Final = "plan"
"""A cache of its own beside that of an operator on this machine, which may use it right now."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the user's, with what it holds."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What would change on each side; `blocked`: why nothing does before a person acts."""

    place: str
    commit: CommitId | None = None
    to_cluster: tuple[FieldChange, ...] = ()
    to_git: tuple[FieldChange, ...] = ()
    more: int = 0
    creates_file: bool = False
    blocked: str | None = None
    conflicts: tuple[FieldConflict, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the sides are not in step."""
        return bool(self.to_cluster or self.to_git or self.more or self.creates_file) or (
            self.blocked is not None
        )

    def dump(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "place": self.place,
            "commit": self.commit,
            "gitToCluster": [change.dump() for change in self.to_cluster],
            "clusterToGit": [change.dump() for change in self.to_git],
            "leftOut": self.more,
            "createsFile": self.creates_file,
            "blocked": self.blocked,
            "conflicts": [conflict.dump() for conflict in self.conflicts],
        }


class _Uncounted(SyncMetrics):
    @override
    def git_operation(self, operation: str, outcome: str, seconds: float) -> None:
        """A command serves no metrics."""

    @override
    def sync(self, direction: str) -> None:
        """A command carries nothing."""


async def plan_sync(
    session: Session, template: Template, file: LocalFile | None, *, allow_insecure_http: bool
) -> SyncPlan | None:
    """Compare a Template with its file in Git, read with our own rights; None without spec.git.

    `file` stands in for the one in Git: what if it were committed? Raises Problem, GitError,
    ClusterError.
    """
    git = template.spec.git
    if git is None:
        if file is None:
            return None
        raise Problem(
            f"the Template {template.metadata.name} is not synced with Git",
            f"namespace {session.namespace}",
            "set spec.git, or leave --file out",
        )
    if file is None and git.repository.startswith("http://") and not allow_insecure_http:
        raise Problem(
            "Git cannot be read",
            f"{git.repository} would send everything in the clear",
            "use https, or give --allow-insecure-http",
        )
    place = f"{git.repository} {git.branch} {normalise_path(git.path)}"
    async with AsyncExitStack() as stack:
        policy = HostPolicy(allow_insecure_http=allow_insecure_http)
        cache = platformdirs.user_cache_path("ebbflow") / CACHE
        backend = DulwichBackend(cache, policy, _Uncounted(), SystemClock())
        stack.push_async_callback(backend.close)
        reader = _Reader(session, template, git, backend)
        if file is None:
            commit, side = await reader.head()
        else:
            commit, side = None, _read(file.data, file.name, "")
        return await _planned(place, template, git, commit, side, reader.base_document)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the repository of a Template."""

    session: Session
    template: Template
    git: GitPlace
    backend: DulwichBackend

    async def head(self) -> tuple[CommitId, FileSide | UnreadableFile | None]:
        """Return where the branch is, and the file there."""
        git, remote = self.git, await self._remote()
        heads = await self.backend.ls_heads(remote, [git.branch])
        if git.branch not in heads:
            raise Problem(
                f"there is no branch {git.branch}",
                git.repository,
                "create it, or correct spec.git.branch",
            )
        commit = heads[git.branch]
        found = await self.backend.read_file(remote, git.branch, commit, normalise_path(git.path))
        return commit, None if found is None else _read(found.data, git.path, found.blob)

    async def base_document(self, base: Base) -> JsonObject | None:
        """Read the document that both sides last agreed on; None if it is no longer to be had."""
        git = self.git
        path = normalise_path(git.path)
        try:
            found = await self.backend.read_file(
                await self._remote(), git.branch, base.commit, path
            )
            return parse(found.data, git.path).value if found is not None else None
        except (GitError, InvalidDocument):
            return None

    async def _remote(self) -> Remote:
        cluster = KubeCluster(self.session.client, OwnWrites(), lambda _: None)
        granted = await GitAccess(cluster).resolve(self.template.key, self.git)
        if isinstance(granted, Refused):
            raise Problem(
                "the repository may not be used",
                granted.message,
                "correct the GitAccount, or plan against a file of yours with --file",
            )
        return granted.remote


def _read(data: bytes, path: str, blob: str) -> FileSide | UnreadableFile:
    try:
        document = parse(data, path).value
    except InvalidDocument as error:
        return UnreadableFile(blob, f"{path}: {error}")
    return FileSide(blob, data, document, document_hash(document))


async def _planned(
    place: str,
    template: Template,
    git: GitPlace,
    commit: CommitId | None,
    side: FileSide | UnreadableFile | None,
    read_base: Callable[[Base], Awaitable[JsonObject | None]],
) -> SyncPlan:
    base = base_of(synced_of(template), git)
    resolve = template.metadata.annotations.get(RESOLVE)
    sides = Sides(template.spec.document, side, base, resolve=resolve)
    if base and edited_in_cluster(sides.cluster, base) and edited_in_git(side, base):
        sides = replace(sides, base_document=await read_base(base))
    decision = decide(sides, template.spec.sync, git)
    return _spelled(SyncPlan(place, commit), sides, decision)


def _spelled(plan: SyncPlan, sides: Sides, decision: Decision) -> SyncPlan:
    match decision:
        case InStep():
            return plan
        case TakeFromGit(document):
            fields, more = document_changes(sides.cluster, document)
            return replace(plan, to_cluster=fields, more=more)
        case WriteToGit(document, file):
            to_git, left = document_changes(file.document if file else None, document)
            to_cluster, more = document_changes(sides.cluster, document)
            return replace(
                plan,
                to_git=to_git,
                to_cluster=to_cluster,
                more=left + more,
                creates_file=file is None,
            )
        case Blocked(_, message, conflicts):
            return replace(plan, blocked=message, conflicts=conflicts)
