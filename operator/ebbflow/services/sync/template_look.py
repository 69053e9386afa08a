"""A look at both sides: read what the object and its file hold, end what a crash left, decide."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ebbflow.api.reasons import Reason
from ebbflow.api.template import PendingWrite, Template
from ebbflow.domain.commit_message import leaking_message
from ebbflow.domain.document import InvalidDocument, document_hash, parse
from ebbflow.domain.git import CommitGone
from ebbflow.domain.leaks import IsSecret
from ebbflow.domain.outcome import Report
from ebbflow.domain.ports import GitBackend, StaleWrite, StatusWriter
from ebbflow.domain.sync import (
    RESOLVE,
    Base,
    Blocked,
    Decision,
    FileSide,
    Sides,
    UnreadableFile,
    WriteToGit,
    base_of,
    decide,
    edited_in_cluster,
    edited_in_git,
    pending_of,
    synced_of,
)
from ebbflow.services.repositories.repository_watch import RepositoryWatch
from ebbflow.services.sync import template_report as report
from ebbflow.services.sync.write_back import Target, WriteBack, Written


@dataclass(frozen=True, slots=True)
class Look:
    """What a pass saw at one head of the branch, and what follows from it."""

    template: Template
    target: Target
    base: Base | None
    sides: Sides
    decision: Decision


class Looker:
    """Gathers both sides of one Template and decides what is to be done."""

    def __init__(
        self,
        status: StatusWriter,
        git: GitBackend,
        watch: RepositoryWatch,
        write_back: WriteBack,
        is_secret: IsSecret,
    ) -> None:
        self._status = status
        self._git = git
        self._watch = watch
        self._write_back = write_back
        self._is_secret = is_secret

    async def look(self, template: Template, target: Target) -> Look:
        """Look at the target's head, after settling a recorded commit.

        Raises StaleWrite if the object changed meanwhile, GitError where Git cannot be read.
        """
        pending = pending_of(template)
        file = await self._read(target)
        settled: Base | None = None
        if pending is not None:
            template, target, settled = await self._settle(template, target, file, pending)
            file = await self._read(target)
        base = settled or base_of(synced_of(template), target.git)
        base = await self._write_back.arrived_late(template.key, target) or base
        sides = Sides(
            template.spec.document,
            file,
            base,
            resolve=template.metadata.annotations.get(RESOLVE),
        )
        if edited_in_cluster(sides.cluster, base) and edited_in_git(file, base):
            sides = replace(sides, base_document=await self._read_base(target, base))
        decision = decide(sides, template.spec.sync, target.git, self._is_secret)
        if isinstance(decision, WriteToGit) and (
            words := leaking_message(template, self._is_secret)
        ):
            decision = Blocked(Reason.SECRET_IN_DOCUMENT, words)
        return Look(template, target, base, sides, decision)

    async def _settle(
        self,
        template: Template,
        target: Target,
        file: FileSide | UnreadableFile | None,
        pending: PendingWrite,
    ) -> tuple[Template, Target, Base | None]:
        """End the record of a commit; returns the object, the target where the branch is now, and
        what both sides agreed on by it (None: it did not arrive).
        """
        readable = file if isinstance(file, FileSide) else None
        match await self._write_back.settle(template, target, readable, pending):
            case Written(_, base):
                if target.head == pending.parent:
                    # Pushed just now; else it was in the branch, and perhaps not the newest.
                    self._watch.moved(target.remote, target.git.branch, base.commit)
                    target = replace(target, head=base.commit)
                concluded = await self.conclude(report.arrived(template, target.git, base))
                if concluded is None:
                    raise StaleWrite(f"{template.key} changed while a commit was settled", code=409)
                return concluded, target, base
            case Template() as unsettled:
                return unsettled, target, None

    async def conclude(self, done: Report) -> Template | None:
        """Put what both sides now agree on into the status, then end the record of the commit that
        brought them there: at no time is the base known nowhere.

        Returns the object as stored; None if somebody changed it meanwhile: the record is still
        there, and the next pass ends it. Raises StaleWrite likewise.
        """
        template = done.observed
        if isinstance(template, Template):
            done = replace(done, observed=await self._write_back.use_up(template))
        stored = await self._status.write(done)
        return await self._write_back.close(stored) if isinstance(stored, Template) else None

    async def _read(self, target: Target) -> FileSide | UnreadableFile | None:
        git = target.git
        file = await self._git.read_file(target.remote, git.branch, target.head, git.path)
        if file is None:
            return None
        try:
            document = parse(file.data, git.path).value
        except InvalidDocument as error:
            return UnreadableFile(file.blob, f"{git.path}: {error}")
        return FileSide(file.blob, file.data, document, document_hash(document))

    async def _read_base(self, target: Target, base: Base | None) -> dict[str, object] | None:
        """Read the document that both sides last agreed on; None if it is no longer to be had."""
        if base is None:
            return None
        git = target.git
        data = await self._git.read_blob(target.remote, base.blob)
        try:
            if data is None:
                # A fresh cache does not have it yet.
                file = await self._git.read_file(target.remote, git.branch, base.commit, git.path)
                data = file.data if file is not None and file.blob == base.blob else None
            return parse(data, git.path).value if data is not None else None
        except (CommitGone, InvalidDocument):
            return None
