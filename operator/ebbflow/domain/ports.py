"""The ports: what services need of the outside. Adapters implement them, fakes stand in for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from ebbflow.api.base import JsonObject, Key, Resource
from ebbflow.api.template import PendingWrite, Template
from ebbflow.domain.git import (
    BlobId,
    Changes,
    CommitHeader,
    CommitId,
    GitFile,
    PreparedCommit,
    PushResult,
    Remote,
    Signature,
)
from ebbflow.domain.outcome import Notice, Report
from ebbflow.domain.secret import Tainted
from ebbflow.domain.source_archive import TreeBounds, TreeFile

R = TypeVar("R", bound=Resource)


class ClusterError(Exception):
    """The API server refused a request; the text names the request and the server's words."""

    def __init__(self, message: str, *, code: int, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class StaleWrite(ClusterError):
    """409: the object changed since it was read. Read it again and decide anew."""


class InvalidObject(Exception):
    """A live object does not fit its model; the text names the field. Nothing else is affected."""

    def __init__(self, message: str, observed: Resource | None = None) -> None:
        super().__init__(message)
        self.observed = observed


class SecretObject(Protocol):
    """A Secret as the operator sees it: its annotations, and its values decoded and tainted."""

    @property
    def annotations(self) -> Mapping[str, str]: ...
    @property
    def data(self) -> Mapping[str, Tainted]: ...


class Cluster(Protocol):
    """The Kubernetes API, uncached. Every method raises ClusterError when the server refuses."""

    async def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        """Read one object; None if it does not exist. Raises InvalidObject if it does not fit."""
        ...

    async def get_secret(self, namespace: str, name: str) -> SecretObject | None:
        """Read one Secret by name; None if it does not exist."""
        ...

    async def get_namespace_labels(self, name: str) -> Mapping[str, str] | None:
        """Read the labels of a namespace; None if it does not exist."""
        ...

    async def replace_document(
        self,
        template: Template,
        document: JsonObject,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Template:
        """Put `document` whole into spec.document, only if the object is still as `template`.

        `annotations` are set in the same write; those with None go. Returns the object as stored.
        Raises StaleWrite if it changed since it was read.
        """
        ...

    async def remove_annotations(self, template: Template, names: Collection[str]) -> Template:
        """Remove annotations that `template` has, only if the object is still as it.

        Returns the object as stored. Raises StaleWrite if it changed since it was read.
        """
        ...

    async def set_pending_write(self, template: Template, pending: PendingWrite | None) -> Template:
        """Record (or clear) status.sync.pendingWrite by compare-and-swap on resourceVersion.

        Returns the object as stored. Raises StaleWrite if it changed since it was read.
        """
        ...


class StatusWriter(Protocol):
    """The one writer of conditions and the rest of a status."""

    async def write(self, report: Report) -> Resource | None:
        """Bring the object's status to what the report says; no request if it is so already.

        Emits the report's notices, and one event for each transition of Ready. Returns the object
        as stored; None if it is gone, or was changed by somebody else meanwhile (read it again).
        """
        ...


class Events(Protocol):
    """Events of Kubernetes about our own objects."""

    async def emit(self, about: Resource, notice: Notice, now: datetime) -> None:
        """Record that `notice` happened to `about`; equal arguments make one event.

        Texts are cut to what an event can hold. Never raises for what the API server says.
        """
        ...


class GitBackend(Protocol):
    """Git without a work tree. Every method raises GitError; texts never hold a credential."""

    async def ls_heads(self, remote: Remote, branches: Collection[str]) -> Mapping[str, CommitId]:
        """Ask the server once where the branches are; a branch that does not exist is missing."""
        ...

    async def ls_refs(self, remote: Remote, prefixes: Collection[str]) -> Mapping[str, CommitId]:
        """Ask the server once where all references are whose full names begin with one of these.

        A tag with a message of its own counts as the commit that it names.
        """
        ...

    async def changes(self, remote: Remote, before: CommitId | None, after: CommitId) -> Changes:
        """Tell what lies between two commits, from trees and commits without any file's content.

        A `before` that the server no longer hands out counts as unknown. Raises NotACommit, and
        CommitGone for `after`, beside the errors of the network.
        """
        ...

    async def merge_base(self, remote: Remote, one: CommitId, other: CommitId) -> CommitId | None:
        """Return the newest commit that both are made of (looking 1,000 commits back); None: none.

        None too if the server does not hand out one of them.
        """
        ...

    async def read_file(
        self, remote: Remote, branch: str, commit: CommitId, path: str
    ) -> GitFile | None:
        """Read a regular file of a commit (the head of `branch` when it was listed), fetching
        what the cache lacks; None if there is nothing at the path.

        Raises NotAFile and TooLarge beside the errors of the network.
        """
        ...

    async def blob_ids(
        self, remote: Remote, branch: str, commit: CommitId, paths: Collection[str]
    ) -> Mapping[str, BlobId | None]:
        """Tell which blob lies at each path (None: no regular file there), fetching once."""
        ...

    async def author_of(
        self, remote: Remote, branch: str, commit: CommitId, path: str
    ) -> Signature | None:
        """Tell who made the newest commit up to `commit` that changed the file at `path`.

        First parents are followed, and nothing is fetched but `commit`: None where what is here
        does not tell, as when several commits came at once. It is as Git has it: anybody may have
        written it.
        """
        ...

    async def read_blob(self, remote: Remote, blob: BlobId) -> bytes | None:
        """Read a blob that was seen before; None if the cache no longer has it."""
        ...

    async def read_tree(
        self, remote: Remote, branch: str, commit: CommitId, directory: str, bounds: TreeBounds
    ) -> tuple[TreeFile, ...]:
        """Read all files below a directory of a commit (empty: its root), in the order of paths,
        relative to it; what is neither a file nor a link is left out. Fetches once.

        Raises NotAFile where there is no such directory, NotACommit, TooLarge, and InvalidRequest
        for names that could lead out of the directory.
        """
        ...

    async def prepare_commit(
        self,
        remote: Remote,
        branch: str,
        parent: CommitId,
        path: str,
        data: bytes,
        header: CommitHeader,
    ) -> PreparedCommit:
        """Build the commit that puts `data` at `path` on top of `parent`; the same arguments
        make the same commit. Nothing is sent.
        """
        ...

    async def prepare_files(
        self,
        remote: Remote,
        branch: str,
        parent: CommitId,
        files: Mapping[str, bytes | None],
        header: CommitHeader,
    ) -> PreparedCommit | None:
        """Build the commit that puts all `files` (None: removes one) on top of `parent`; None if
        they are so already. Else as `prepare_commit`.
        """
        ...

    async def push(
        self, remote: Remote, branch: str, commit: PreparedCommit, *, new: bool = False
    ) -> PushResult:
        """Move the branch from the commit's parent to the commit, if it is still at the parent.

        `new`: make the branch, if there is none yet. Never forces, never deletes, and creates no
        branch but a new one.
        """
        ...

    async def find_commit(
        self, remote: Remote, branch: str, head: CommitId, line: str
    ) -> CommitId | None:
        """Return the newest commit, of the 1,000 that `head` is made of, whose message has this
        whole line.
        """
        ...

    async def contains(self, remote: Remote, branch: str, head: CommitId, commit: CommitId) -> bool:
        """Tell whether `commit` is `head` or one of its ancestors (looking 1,000 commits back)."""
        ...


class Clock(Protocol):
    """Time as a parameter."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


class LostLeadership(Exception):
    """Another process leads now: this one must do nothing more, and end."""


class Leadership(Protocol):
    """This process as the leader."""

    @property
    def fence(self) -> int:
        """A number that is higher the later a process became the leader."""
        ...

    async def prove(self, above: int) -> None:
        """Read the Lease; if this process still holds it, raise `fence` above the number.

        For marks of a later leadership that cannot be: they come from a Lease that was deleted, or
        of an operator that served other parts. Raises LostLeadership if another process holds it.
        """
        ...


Wake = Callable[[Key], None]
"""Put an object into the work queue because something that it depends on changed."""


class SyncMetrics(Protocol):
    """What is counted about the sync itself."""

    def git_operation(self, operation: str, outcome: str, seconds: float) -> None:
        """Count one operation on a Git server; `outcome` is ok or a reason."""
        ...

    def sync(self, direction: str) -> None:
        """Count one change carried `from-git` or `to-git`."""
        ...
