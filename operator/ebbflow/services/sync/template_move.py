"""Acting on a look: carry the document from one side to the other, and report what came of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.template import Template
from ebbflow.domain.authorship import UNRESOLVED, person_text
from ebbflow.domain.git import CommitId
from ebbflow.domain.outcome import Notice, Report
from ebbflow.domain.ports import Cluster, GitBackend, SyncMetrics
from ebbflow.domain.sync import (
    RESOLVE,
    Base,
    Blocked,
    FileSide,
    InStep,
    TakeFromGit,
    WriteToGit,
)
from ebbflow.domain.taken import TAKEN, note
from ebbflow.domain.writeback import CannotEdit
from ebbflow.services.repositories.followed_repository import Interest
from ebbflow.services.repositories.repository_watch import RepositoryWatch
from ebbflow.services.sync import template_report as report
from ebbflow.services.sync.template_look import Look, Looker
from ebbflow.services.sync.update_runs import Content, Updates
from ebbflow.services.sync.write_back import Overtaken, Rejected, Target, WriteBack, Written

log = logging.getLogger(__name__)

REPLAYS: Final = 10
"""How often one edit is tried within a pass, while others push to the branch."""


class Mover:
    """Does what was decided on one Template, and has the watch follow what it came to."""

    def __init__(
        self,
        cluster: Cluster,
        git: GitBackend,
        watch: RepositoryWatch,
        write_back: WriteBack,
        looker: Looker,
        updates: Updates,
        metrics: SyncMetrics,
        poll_interval: timedelta,
    ) -> None:
        self._cluster = cluster
        self._git = git
        self._watch = watch
        self._write_back = write_back
        self._looker = looker
        self._updates = updates
        self._metrics = metrics
        self._poll_interval = poll_interval

    async def act(self, look: Look) -> Report:
        """Do what the look decided.

        Raises StaleWrite if the object changed meanwhile, GitError where Git cannot be asked, or
        where it is unknown whether a push arrived.
        """
        if isinstance(look.decision, WriteToGit):
            return await self._write(look)
        return await self._act_here(look, look.decision)

    def follow(self, look: Look, written: Base | None = None) -> None:
        """Have the watch tell when the branch no longer holds what was seen, or just written."""
        file, target = look.sides.file, look.target
        blob = written.blob if written else (file.blob if file else None)
        head: CommitId = written.commit if written else target.head
        every = self.interval(look.template)
        self._watch.follow(
            look.template.key,
            Interest(target.remote, target.git.branch, target.git.path, blob, head, every),
        )

    def interval(self, template: Template) -> timedelta:
        """Return how long a Template may go without a look at its branch."""
        return template.spec.interval or self._poll_interval

    async def _act_here(self, look: Look, decision: InStep | TakeFromGit | Blocked) -> Report:
        """Do what needs no push."""
        match decision:
            case InStep():
                return await self._in_step(look)
            case TakeFromGit():
                return await self._take(look, decision)
            case Blocked():
                self.follow(look)
                return report.blocked(look.template, decision, None)

    async def _in_step(self, look: Look) -> Report:
        self.follow(look)
        file = look.sides.file
        base = look.base
        if isinstance(file, FileSide) and (base is None or base.blob != file.blob):
            base = Base(look.target.head, file.blob, file.document_hash)
        return await self._agreed(look.template, look.target, base)

    async def _take(self, look: Look, decision: TakeFromGit) -> Report:
        notices = report.newly_ignored(look.template.spec.document, decision.document)
        look = await self._put(look, decision.document, resolved=decision.resolved)
        self._metrics.sync("from-git")
        log.info("taken from %s at %s", look.target.git.branch, look.target.head[:7])
        self.follow(look)
        if decision.reverts:
            notices = (*notices, report.edit_reverted(look.target.git, look.base))
        return await self._agreed(look.template, look.target, look.base, *notices)

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

    async def _write(self, look: Look) -> Report:
        """Write the edit to the branch; while others are faster, look again and replay it."""
        remote, branch = look.target.remote, look.target.git.branch
        async with self._watch.turn(remote, branch):
            for _ in range(REPLAYS):
                head = await self._watch.head(remote, branch, None)
                if head is None:
                    break
                if head != look.target.head:
                    look = await self._looker.look(look.template, replace(look.target, head=head))
                if not isinstance(look.decision, WriteToGit):
                    return await self._act_here(look, look.decision)
                done = await self._write_once(look, look.decision)
                if isinstance(done, Report):
                    return done
                look = done
        return report.contended(look.template, branch)

    async def _write_once(self, look: Look, decision: WriteToGit) -> Report | Look:
        """Make one try; returns the look with the object as it now is if the branch moved."""
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
            self.follow(look)
            blocked = Blocked(Reason.CANNOT_EDIT_IN_PLACE, f"{target.git.path}: {error}")
            return report.blocked(look.template, blocked, None)
        match result:
            case Written(template, base):
                return await self._written(look, template, base)
            case Overtaken(template, head):
                self._watch.moved(target.remote, target.git.branch, head)
                return replace(look, template=template)
            case Rejected(template, words):
                self.follow(look)
                return report.refused(template, target.git, words, self.interval(template))

    async def _written(self, look: Look, template: Template, base: Base) -> Report:
        target = look.target
        self._metrics.sync("to-git")
        log.info("written to %s as %s", target.git.branch, base.commit[:7])
        self._watch.moved(target.remote, target.git.branch, base.commit)
        self.follow(look, base)
        done = await self._agreed(template, target, base)
        concluded = await self._looker.conclude(done)
        if concluded is None:
            # Somebody changed the object meanwhile: the pass that follows ends the record.
            return done
        return replace(done, observed=concluded, notices=())

    async def _agreed(
        self, template: Template, target: Target, base: Base | None, *notices: Notice
    ) -> Report:
        """Report that both sides hold the same; an update of the document starts a Run first."""
        agreed = report.in_step(template, target.git, base, *notices)
        if base is None:
            return agreed
        content = Content(base.document_hash, base.commit, partial(self._who, target, base))
        return await self._updates.carry(agreed, content)

    async def _who(self, target: Target, base: Base) -> str | None:
        """Return who made what both sides hold; None if that is not known.

        Of an edit of the object that is who is recorded, of any other commit its author.
        """
        if base.editor is not None:
            return base.editor if base.editor != UNRESOLVED.name else None
        remote, git = target.remote, target.git
        author = await self._git.author_of(remote, git.branch, target.head, git.path)
        return person_text(author) if author is not None else None
