"""Template sync: one pass keeps one object and its file the same."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol, TypeVar

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.reasons import Reason
from ebbflow.api.template import GitPlace, Template
from ebbflow.domain.access import Refused
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.document import document_hash
from ebbflow.domain.edit_record import RecordKey
from ebbflow.domain.git import CommitId, GitError
from ebbflow.domain.leaks import IsSecret, nothing_is_secret
from ebbflow.domain.outcome import Done, Postponed, Report
from ebbflow.domain.ports import Clock, Cluster, GitBackend, StatusWriter, SyncMetrics
from ebbflow.domain.sync import (
    RESOLVE,
    Base,
    Blocked,
    FileSide,
    InStep,
    TakeFromGit,
    WriteToGit,
    base_of,
    edited_in_cluster,
    synced_of,
)
from ebbflow.domain.taken import TAKEN, note
from ebbflow.domain.writeback import CannotEdit
from ebbflow.services import template_report as report
from ebbflow.services.edit_window import EditWindow
from ebbflow.services.git_access import GitAccess, Granted
from ebbflow.services.repository_watch import FRESH, Interest, RepositoryWatch
from ebbflow.services.template_look import Look, Looker
from ebbflow.services.write_back import Overtaken, Rejected, Target, WriteBack, Written

log = logging.getLogger(__name__)

Did = TypeVar("Did")


class Updates(Protocol):
    """What becomes of updates of documents; UpdateRuns is it."""

    async def carry(self, report: Report, document_hash: str) -> Report: ...


TRIES = 10  # replays of one edit within a pass, while others push to the branch


class TemplateSync:
    """Reconciles one Template: gather, decide, act, report."""

    def __init__(
        self,
        cluster: Cluster,
        status: StatusWriter,
        git: GitBackend,
        access: GitAccess,
        watch: RepositoryWatch,
        clock: Clock,
        metrics: SyncMetrics,
        poll_interval: timedelta,
        commit_window: timedelta = timedelta(0),
        record_key: RecordKey = lambda: None,
        is_secret: IsSecret = nothing_is_secret,
        updates: Updates | None = None,
    ) -> None:
        self._cluster = cluster
        self._status = status
        self._access = access
        self._watch = watch
        self._write_back = WriteBack(cluster, git, clock, record_key)
        self._looker = Looker(status, git, watch, self._write_back, is_secret)
        self._window = EditWindow(clock, commit_window)
        self._updates = updates
        self._metrics = metrics
        self._poll_interval = poll_interval

    async def reconcile(self, key: Key) -> Report | Postponed | None:
        """Make one pass; None if there is nothing to say: the object is gone or suspended.

        Postponed: the object holds an edit that waits for others to be one commit with it.

        Raises StaleWrite if the object changed under the pass (make another), ClusterError if the
        API server refused something.
        """
        template = await self._get(key)
        if template is None or template.metadata.deletion_timestamp or template.spec.suspend:
            self._forget(key)
            return None
        git = template.spec.git
        if git is None:
            self._forget(key)
            return await self._alone(template)
        try:
            normalise_path(git.path)
        except ValueError as error:
            self._watch.forget(key)
            return report.blocked(
                template, Blocked(Reason.INVALID_SPEC, f"spec.git.path: {error}"), None
            )
        return await self._with_access(template, git)

    async def _get(self, key: Key) -> Template | None:
        template = await self._cluster.get(Template, key.namespace, key.name)
        if template is None or template.status.conditions:
            return template
        # To kstatus an object without conditions is finished: say at once that this one is not.
        stored = await self._status.write(report.first_touch(template))
        if isinstance(stored, Template):
            return stored
        return await self._cluster.get(Template, key.namespace, key.name)

    async def _alone(self, template: Template) -> Report:
        alone = report.alone(template)
        if self._updates is None or not isinstance(alone.outcome, Done):
            return alone
        return await self._updates.carry(alone, document_hash(template.spec.document))

    async def _agreed(
        self, template: Template, git: GitPlace, base: Base | None, *, reverted: bool = False
    ) -> Report:
        """Report that both sides hold the same; an update of the document starts a Run first."""
        agreed = report.in_step(template, git, base, reverted=reverted)
        if self._updates is None or base is None:
            return agreed
        return await self._updates.carry(agreed, base.document_hash)

    def _forget(self, key: Key) -> None:
        self._watch.forget(key)
        self._access.forget(key)
        self._window.close(key)
        self._write_back.forget(key)

    async def _with_access(self, template: Template, git: GitPlace) -> Report | Postponed:
        interval = self._every(template)
        granted = await self._access.resolve(template.key, git)
        if isinstance(granted, Refused):
            self._watch.forget(template.key)
            return report.blocked(template, Blocked(granted.reason, granted.message), interval)
        try:
            return await self._sync(template, git, granted)
        except GitError as error:
            if not error.transient:
                # Asking again and again with what was refused gets accounts locked.
                self._watch.forget(template.key)
            # The pass may have written to the object before it failed: report on it as it is now.
            now = await self._cluster.get(Template, *template.key[1:])
            return report.git_failed(now or template, error, interval)

    async def _sync(
        self, template: Template, git: GitPlace, granted: Granted
    ) -> Report | Postponed:
        head = await self._watch.head(granted.remote, git.branch, self._max_age(template, git))
        if head is None:
            return self._branch_missing(template, git, granted)
        target = Target(granted.remote, git, head, granted.committer, granted.signing_key)
        look = await self._look_at_newest(template, target)
        if look is None:
            return self._branch_missing(template, git, granted)
        if wait := self._wait(look):
            self._follow(look)
            return Postponed(wait)
        return await self._act(look, self._write)

    def _wait(self, look: Look) -> timedelta:
        """Return how long an edit has to wait for others that are to be one commit with it.

        It does not where somebody asks for a pass now, or has just resolved a conflict.
        """
        key = look.template.key
        committing = isinstance(look.decision, WriteToGit) and not look.decision.resolved
        edited = edited_in_cluster(look.sides.cluster, look.base)
        if not (committing and edited) or report.is_requested(look.template):
            self._window.close(key)
            return timedelta(0)
        remaining = self._window.remaining(key)
        if not remaining:
            self._window.close(key)
        return remaining

    def _max_age(self, template: Template, git: GitPlace) -> timedelta | None:
        """Return how old the knowledge of the branch may be (None: the last known head will do,
        because the watch has told of every move).

        That does not do before the first sync, nor while something is wrong. Who asks by annotation
        may just have pushed; and a recorded commit may have arrived a moment ago: on an older head
        it would look like an edit of somebody else.
        """
        sync = synced_of(template)
        if report.is_requested(template) or (sync is not None and sync.pending_write is not None):
            return timedelta(0)
        synced = base_of(sync, git) is not None
        return None if synced and report.is_ready(template) else FRESH

    async def _look_at_newest(self, template: Template, target: Target) -> Look | None:
        """Look, and once more at the newest head if it may be another; None if there is none."""
        look = await self._looker.look(template, target)
        if not self._may_be_behind(look):
            return look
        head = await self._watch.head(target.remote, target.git.branch, timedelta(0))
        if head is None:
            return None
        return await self._looker.look(look.template, replace(target, head=head))

    def _may_be_behind(self, look: Look) -> bool:
        """Tell whether another process may have seen a newer head than the one looked at.

        It has if the object was in step with a file that this process does not know: an operator
        that slept, or has just taken over, would take the older file for a change in Git, and undo
        an edit that was committed already.
        """
        file, base = look.sides.file, look.base
        if base is None or (file is not None and file.blob == base.blob):
            return False
        return not self._watch.is_followed_at(look.template.key, base.blob)

    async def _in_step(self, look: Look) -> Report:
        self._follow(look)
        file = look.sides.file
        base = look.base
        if isinstance(file, FileSide) and (base is None or base.blob != file.blob):
            base = Base(look.target.head, file.blob, file.document_hash)
        return await self._agreed(look.template, look.target.git, base)

    async def _take(self, look: Look, decision: TakeFromGit) -> Report:
        look = await self._put(look, decision.document, resolved=decision.resolved)
        self._metrics.sync("from-git")
        log.info("taken from %s at %s", look.target.git.branch, look.target.head[:7])
        self._follow(look)
        return await self._agreed(
            look.template, look.target.git, look.base, reverted=decision.reverts
        )

    async def _put(self, look: Look, document: JsonObject, *, resolved: bool) -> Look:
        """Put a document that has in it all that the file holds into the object.

        From now on the file is the base of what the object holds, and the very same write says so.
        """
        file, target, metadata = look.sides.file, look.target, look.template.metadata
        annotations: dict[str, str | None] = {RESOLVE: None} if resolved else {}
        base = look.base
        if isinstance(file, FileSide):
            base = Base(target.head, file.blob, file.document_hash)
            annotations[TAKEN] = note(
                metadata, target.git, base.commit, base.blob, base.document_hash
            )
        template = await self._cluster.replace_document(look.template, document, annotations)
        return replace(look, template=template, base=base)

    async def _write(self, look: Look, _edit: WriteToGit) -> Report:
        """Write the edit to the branch; while others are faster, look again and replay it."""
        remote, branch = look.target.remote, look.target.git.branch
        async with self._watch.turn(remote, branch):
            for _ in range(TRIES):
                head = await self._watch.head(remote, branch, None)
                if head is None:
                    break
                if head != look.target.head:
                    look = await self._looker.look(look.template, replace(look.target, head=head))
                done = await self._try_to_write(look)
                if isinstance(done, Report):
                    return done
                look = done
        return report.contended(look.template, branch)

    async def _try_to_write(self, look: Look) -> Report | Look:
        """Make one try; returns the look with the object as it now is if the branch moved."""
        return await self._act(look, self._write_once)

    async def _act(
        self, look: Look, write: Callable[[Look, WriteToGit], Awaitable[Did]]
    ) -> Report | Did:
        """Do what was decided; `write` is how an edit gets to the branch from here."""
        match look.decision:
            case WriteToGit() as decision:
                return await write(look, decision)
            case InStep():
                return await self._in_step(look)
            case TakeFromGit() as taken:
                return await self._take(look, taken)
            case Blocked() as blocked:
                self._follow(look)
                return report.blocked(look.template, blocked, None)

    async def _write_once(self, look: Look, decision: WriteToGit) -> Report | Look:
        if decision.merged:
            # The object first: if we die between the two, the next pass finds the object ahead of
            # the file by the whole merge. The other way round it would find the file's half of the
            # merge missing from the object and take that for an edit.
            look = await self._put(look, decision.document, resolved=decision.resolved)
        return await self._commit(look, decision)

    async def _commit(self, look: Look, decision: WriteToGit) -> Report | Look:
        target = look.target
        used = (RESOLVE,) if decision.resolved and not decision.merged else ()
        try:
            result = await self._write_back.write(
                look.template, target, decision.file, decision.document, look.base, used
            )
        except CannotEdit as error:
            self._follow(look)
            blocked = Blocked(Reason.CANNOT_EDIT_IN_PLACE, f"{target.git.path}: {error}")
            return report.blocked(look.template, blocked, None)
        match result:
            case Written(template, base):
                self._metrics.sync("to-git")
                log.info("written to %s as %s", target.git.branch, base.commit[:7])
                self._watch.moved(target.remote, target.git.branch, base.commit)
                self._follow(look, base)
                template = await self._write_back.use_up(template)
                return await self._conclude(await self._agreed(template, target.git, base))
            case Overtaken(template, head):
                self._watch.moved(target.remote, target.git.branch, head)
                return replace(look, template=template)
            case Rejected(template, words):
                self._follow(look)
                return report.refused(template, target.git, words, self._every(look.template))

    async def _conclude(self, done: Report) -> Report:
        """Write the status before the record of the commit goes: never is the base known nowhere."""
        stored = await self._status.write(done)
        if not isinstance(stored, Template):
            # Somebody changed the object meanwhile: the pass that follows ends the record.
            return done
        return replace(done, observed=await self._write_back.close(stored), notices=())

    def _branch_missing(self, template: Template, git: GitPlace, granted: Granted) -> Report:
        self._watch.follow(
            template.key,
            Interest(granted.remote, git.branch, git.path, None, None, self._every(template)),
        )
        return report.branch_missing(template, git)

    def _follow(self, look: Look, written: Base | None = None) -> None:
        file = look.sides.file
        blob = written.blob if written else (file.blob if file else None)
        head: CommitId = written.commit if written else look.target.head
        git = look.target.git
        self._watch.follow(
            look.template.key,
            Interest(
                look.target.remote, git.branch, git.path, blob, head, self._every(look.template)
            ),
        )

    def _every(self, template: Template) -> timedelta:
        return template.spec.interval or self._poll_interval
