"""Template sync: one pass keeps one object and its file the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.reasons import Reason
from ebbflow.api.template import GitPlace, Template
from ebbflow.domain.access import Refused
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.authorship import last_editor
from ebbflow.domain.conditions import is_requested
from ebbflow.domain.document import document_hash
from ebbflow.domain.edit_record import RecordKey, held, verify
from ebbflow.domain.git import GitError
from ebbflow.domain.leaks import IsSecret
from ebbflow.domain.outcome import Done, Postponed, Report
from ebbflow.domain.ports import Clock, Cluster, GitBackend, StatusWriter, SyncMetrics
from ebbflow.domain.sync import (
    Blocked,
    WriteToGit,
    base_of,
    edited_in_cluster,
    pending_of,
    synced_of,
)
from ebbflow.domain.times import read_time
from ebbflow.services.first_touch import touched
from ebbflow.services.repositories.followed_repository import Interest
from ebbflow.services.repositories.git_access import GitAccess, Granted
from ebbflow.services.repositories.repository_watch import FRESH, RepositoryWatch
from ebbflow.services.sync import template_report as report
from ebbflow.services.sync.edit_window import EditWindow
from ebbflow.services.sync.first_sights import FirstSights
from ebbflow.services.sync.template_look import Look, Looker
from ebbflow.services.sync.template_move import Mover
from ebbflow.services.sync.update_runs import Content, Updates
from ebbflow.services.sync.write_back import Target, WriteBack

SECOND: Final = timedelta(seconds=1)


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
        *,
        poll_interval: timedelta,
        commit_window: timedelta,
        record_key: RecordKey,
        is_secret: IsSecret,
        updates: Updates,
        sights: FirstSights,
    ) -> None:
        self._cluster = cluster
        self._sights = sights
        self._status = status
        self._access = access
        self._watch = watch
        self._updates = updates
        self._clock = clock
        self._record_key = record_key
        self._window = EditWindow(clock, commit_window)
        self._write_back = WriteBack(cluster, git, clock, record_key)
        self._looker = Looker(status, git, watch, self._write_back, is_secret)
        self._mover = Mover(
            cluster, git, watch, self._write_back, self._looker, updates, metrics, poll_interval
        )

    async def reconcile(self, key: Key) -> Report | Postponed | None:
        """Make one pass; None if there is nothing to say: the object is gone.

        Postponed: the object holds an edit that waits for others to be one commit with it.

        Raises StaleWrite if the object changed under the pass (make another), ClusterError if the
        API server refused something.
        """
        template = await self._get(key)
        if template is None or template.metadata.deletion_timestamp:
            self._forget(key)
            return None
        if template.spec.suspend:
            self._forget(key)
            return report.suspended(template)
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
        found = self._sights.take(key)
        if found is None:
            found = await self._cluster.get(Template, key.namespace, key.name)
        if found is None:
            return None
        return await touched(found, "The first sync is under way", self._status, self._cluster)

    async def _alone(self, template: Template) -> Report:
        alone = report.alone(template)
        if not isinstance(alone.outcome, Done):
            return alone
        document = document_hash(template.spec.document)

        async def editor() -> str | None:
            key = self._record_key()
            record = verify(key, held(template)) if key is not None else None
            return last_editor(record, document)

        return await self._updates.carry(alone, Content(document, who=editor))

    def _forget(self, key: Key) -> None:
        self._watch.forget(key)
        self._access.forget(key)
        self._window.close(key)
        self._write_back.forget(key)

    async def _with_access(self, template: Template, git: GitPlace) -> Report | Postponed:
        interval = self._mover.interval(template)
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
            self._mover.follow(look)
            return Postponed(wait)
        return await self._mover.act(look)

    def _wait(self, look: Look) -> timedelta:
        """Return how long an edit has to wait for others that are to be one commit with it.

        It does not where somebody asks for a pass now, or has just resolved a conflict.
        """
        key = look.template.key
        committing = isinstance(look.decision, WriteToGit) and not look.decision.resolved
        edited = edited_in_cluster(look.sides.cluster, look.base)
        if not (committing and edited) or is_requested(look.template):
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
        if is_requested(template) or pending_of(template) is not None:
            return timedelta(0)
        if base_of(synced_of(template), git) is not None:
            return None if report.is_ready(template) else FRESH
        return FRESH if report.is_judged(template) else min(FRESH, self._age(template))

    def _age(self, template: Template) -> timedelta:
        """Return how long the spec is surely as it is: what was pushed before that is the first
        content, and must neither be missed nor be taken for an update.

        Only the time of a creation is known, and that in whole seconds.
        """
        created = template.metadata.creation_timestamp
        if created is None or template.metadata.generation > 1:
            return timedelta(0)
        return max(timedelta(0), self._clock.now() - read_time(created) - SECOND)

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

    def _branch_missing(self, template: Template, git: GitPlace, granted: Granted) -> Report:
        self._watch.follow(
            template.key,
            Interest(
                granted.remote, git.branch, git.path, None, None, self._mover.interval(template)
            ),
        )
        return report.branch_missing(template, git)
