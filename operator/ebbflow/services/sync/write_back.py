"""Write-back: an edit of an object becomes one commit, exactly once, whatever is killed when.

The commit is made in memory and recorded in the object's status before it is pushed. Whoever finds
the record later either sees the commit in the branch (it arrived) or makes the very same commit
again from the record, so a crash never makes a second one. The record stays until the status says
where both sides are now the same: whoever came between the two would take the commit for an edit
of somebody else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.gitaccount import Committer
from ebbflow.api.template import GitPlace, PendingWrite, Template
from ebbflow.domain.authorship import Credit, credit, with_co_authors
from ebbflow.domain.commit_message import MAX_MESSAGE, commit_message, used_annotations
from ebbflow.domain.document import document_hash
from ebbflow.domain.edit_record import RecordKey, held, verify
from ebbflow.domain.git import (
    BranchMoved,
    CommitHeader,
    CommitId,
    PreparedCommit,
    Pushed,
    PushRefused,
    Remote,
    Signature,
    SigningKey,
)
from ebbflow.domain.ports import Clock, Cluster, GitBackend
from ebbflow.domain.sync import Base, FileSide, pending_of
from ebbflow.domain.writeback import create, edit

MOST_GIVEN_UP: Final = 8
"""Pushes of one object that are remembered although they were given up; the newest."""


@dataclass(frozen=True, slots=True)
class Target:
    """The branch that is written to, at the head that the edit was decided on."""

    remote: Remote
    git: GitPlace
    head: CommitId
    committer: Committer
    signing_key: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The commit is on the branch; `base` is what both sides now agree on.

    The record is still there: `WriteBack.close` ends it, once the status holds the base.
    """

    template: Template
    base: Base


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Somebody else moved the branch first; nothing was written (`head` None: it is gone)."""

    template: Template
    head: CommitId | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refused the push, in these words; nothing was written."""

    template: Template
    words: str


class WriteBack:
    """Commits and pushes documents, and finds out what became of pushes that were cut off."""

    def __init__(
        self, cluster: Cluster, git: GitBackend, clock: Clock, record_key: RecordKey
    ) -> None:
        self._cluster = cluster
        self._git = git
        self._clock = clock
        self._record_key = record_key
        self._given_up: dict[Key, deque[Base]] = {}

    async def write(
        self,
        template: Template,
        target: Target,
        file: FileSide | None,
        document: JsonObject,
        base: Base | None,
        uses: Collection[str] = (),
    ) -> Written | Overtaken | Rejected:
        """Commit `document` over `file` (None: a new file) and push it.

        The edit is that of the object since `base`. `uses` are annotations of the object that are
        used up when the commit is on the branch, beside that for the commit's message.

        Raises CannotEdit if the text cannot be edited in place, GitError if it is unknown whether
        the push arrived (the record stays), StaleWrite if the object changed meanwhile.
        """
        named = self._credit(template, file, base)
        header = CommitHeader(
            author=named.author,
            committer=Signature(target.committer.name, target.committer.email),
            time=int(self._clock.now().timestamp()),
            message=with_co_authors(commit_message(template), named, MAX_MESSAGE),
            signing_key=target.signing_key,
        )
        commit = await self._prepare(target, file, document, header)
        pending = _record(commit, header, document, file)
        pending = pending.model_copy(update={"uses": _uses(template, uses)})
        template = await self._cluster.set_pending_write(template, pending)
        return await self._push(template, target, commit, pending)

    def _credit(self, template: Template, file: FileSide | None, base: Base | None) -> Credit:
        """Return whom the commit names, by the record on the object if it proves anything."""
        key, now = self._record_key(), held(template)
        record = verify(key, now) if key is not None else None
        return credit(
            record,
            now.document_hash,
            file.document_hash if file else None,
            base.document_hash if base else None,
        )

    async def _push(
        self, template: Template, target: Target, commit: PreparedCommit, pending: PendingWrite
    ) -> Written | Overtaken | Rejected:
        result = await self._git.push(target.remote, target.git.branch, commit)
        match result:
            case Pushed():
                return Written(template, _base(pending))
            # Both are certain answers (an uncertain one is a GitError): nothing arrived.
            case BranchMoved(head):
                return Overtaken(await self._clear(template), head)
            case PushRefused(words):
                return Rejected(await self._clear(template), words)

    async def use_up(self, template: Template) -> Template:
        """Remove the annotations that the recorded commit, which is on the branch, has used up.

        To be called before the status says that all is done. Raises StaleWrite, ClusterError.
        """
        pending = pending_of(template)
        annotations = template.metadata.annotations
        used = [
            name
            for name, value in ((pending and pending.uses) or {}).items()
            if name in annotations and document_hash(annotations[name]) == value
        ]
        return await self._cluster.remove_annotations(template, used) if used else template

    async def close(self, template: Template) -> Template:
        """End the record of a commit that is on the branch; the status holds the new base.

        Raises StaleWrite, ClusterError.
        """
        self._given_up.pop(template.key, None)
        return await self._clear(template)

    async def _clear(self, template: Template) -> Template:
        return await self._cluster.set_pending_write(template, None)

    async def arrived_late(self, key: Key, target: Target) -> Base | None:
        """Return what both sides agreed on if a push that was given up arrived after all.

        It was given up for a newer edit of the object, while nobody knew what became of it. On a
        branch that holds its commit, what the object holds was edited on top of that commit. Raises
        GitError.
        """
        remote, branch, head = target.remote, target.git.branch, target.head
        for base in self._given_up.get(key, ()):
            if await self._git.contains(remote, branch, head, base.commit):
                return base
        return None

    def forget(self, key: Key) -> None:
        """Drop what is known of an object that is gone."""
        self._given_up.pop(key, None)

    async def settle(
        self, template: Template, target: Target, file: FileSide | None, pending: PendingWrite
    ) -> Written | Template:
        """Find out what became of a recorded commit.

        `file` is the file at `target.head`. Returns Written if the commit is on the branch (or was
        made again, bit by bit, and pushed); else the object without the record: then its edit is
        decided on anew. Raises GitError, StaleWrite, ClusterError.
        """
        if await self._git.contains(target.remote, target.git.branch, target.head, pending.commit):
            return Written(template, _base(pending))
        commit = await self._same_commit(template, target, file, pending)
        if commit is not None:
            result = await self._push(template, target, commit, pending)
            return result if isinstance(result, Written) else result.template
        given_up = self._given_up.setdefault(template.key, deque(maxlen=MOST_GIVEN_UP))
        given_up.appendleft(_base(pending))
        return await self._clear(template)

    async def _same_commit(
        self, template: Template, target: Target, file: FileSide | None, pending: PendingWrite
    ) -> PreparedCommit | None:
        """Make the recorded commit again; None where it would come out as another one.

        It comes out the same while the branch is where it was made and the object still holds the
        document that the record speaks of.
        """
        document = template.spec.document
        if document is None or target.head != pending.parent:
            return None
        if document_hash(document) != pending.document_hash:
            return None
        header = CommitHeader(
            author=Signature.parse(pending.author),
            committer=Signature(target.committer.name, target.committer.email),
            time=pending.time,
            message=pending.message,
            signing_key=target.signing_key,
        )
        commit = await self._prepare(target, file, document, header)
        return commit if commit.commit == pending.commit else None

    async def _prepare(
        self, target: Target, file: FileSide | None, document: JsonObject, header: CommitHeader
    ) -> PreparedCommit:
        path = target.git.path
        data = edit(file.data, path, document) if file else create(document, path)
        return await self._git.prepare_commit(
            target.remote, target.git.branch, target.head, path, data, header
        )


def _base(pending: PendingWrite) -> Base:
    editor = Signature.parse(pending.author).name
    return Base(pending.commit, pending.blob, pending.document_hash, editor)


def _uses(template: Template, more: Collection[str]) -> dict[str, str] | None:
    annotations = template.metadata.annotations
    names = (*used_annotations(template), *more)
    return {n: document_hash(annotations[n]) for n in names if n in annotations} or None


def _record(
    commit: PreparedCommit, header: CommitHeader, document: JsonObject, file: FileSide | None
) -> PendingWrite:
    return PendingWrite(
        commit=commit.commit,
        parent=commit.parent,
        tree=commit.tree,
        blob=commit.blob,
        base_blob=file.blob if file else None,
        document_hash=document_hash(document),
        author=str(header.author),
        time=header.time,
        message=header.message,
    )
