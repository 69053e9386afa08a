"""What a pass over a Template came to, in the words of its status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.template import GitPlace, SyncStatus, Template
from ebbflow.domain.document import InvalidDocument, validate
from ebbflow.domain.document.ignored import notice_of
from ebbflow.domain.git import GitError
from ebbflow.domain.outcome import Done, Notice, Report, Stalled, Waiting
from ebbflow.domain.sync import Base, Blocked, synced_of
from ebbflow.services import outcomes

CONTENDED_RETRY: Final = timedelta(seconds=1)


def is_ready(template: Template) -> bool:
    """Tell whether the last pass looked, and found all as it should be."""
    return any(
        c.type == "Ready" and c.status == "True" and c.reason != Reason.SUSPENDED
        for c in template.status.conditions
    )


def is_judged(template: Template) -> bool:
    """Tell whether a pass came to a result on the spec as it is now, good or bad."""
    return any(
        c.type == "Ready"
        and c.status != "Unknown"
        and c.observed_generation == template.metadata.generation
        for c in template.status.conditions
    )


def suspended(template: Template) -> Report:
    """Report that nothing is done about the object; what both sides last agreed on is kept."""
    return Report(template, outcomes.SUSPENDED, _kept(template))


def alone(template: Template) -> Report:
    """Report on a Template without `spec.git`: only its document can be wrong."""
    if template.spec.document is not None:
        try:
            validate(template.spec.document)
        except InvalidDocument as error:
            where = f"spec.document.{error.path}" if error.path else "spec.document"
            invalid = Stalled(Reason.INVALID_DOCUMENT, f"{where}: {error.message}")
            return Report(template, invalid, kept_updates(template))
    message = _with_notice("Not synced: spec.git is absent", template)
    done = Done(Reason.NOT_SYNCED, message)
    return Report(template, done, kept_updates(template))


def in_step(template: Template, git: GitPlace, base: Base | None, *notices: Notice) -> Report:
    """Report that both sides hold the same, since the commit of `base`."""
    before = synced_of(template)
    sync = SyncStatus(
        repository=git.repository,
        branch=git.branch,
        path=git.path,
        commit=base and base.commit,
        blob=base and base.blob,
        document_hash=base and base.document_hash,
        last_editor=(base and base.editor) or (before and before.last_editor),
    )
    message = _with_notice(f"In step with {git.branch}{_at(base)}", template)
    status = {**kept_updates(template), "sync": sync.dump()}
    return Report(template, Done(Reason.IN_STEP, message), status, notices)


def edit_reverted(git: GitPlace, base: Base | None) -> Notice:
    """Return the event that tells who edited in the cluster where only Git counts."""
    return Notice(
        Reason.EDIT_REVERTED,
        f"An edit of spec.document was reverted to {git.path}{_at(base)}, because "
        f"spec.sync.direction is FromGit; make the edit in Git",
        warning=True,
    )


def newly_ignored(before: JsonObject | None, after: JsonObject) -> tuple[Notice, ...]:
    """Return the event about what a new document holds without effect, and the last one did not."""
    words = notice_of(after)
    return () if words is None or notice_of(before) else (Notice(Reason.IGNORED, words),)


def _at(base: Base | None) -> str:
    return f" at {base.commit[:7]}" if base else ""


def _with_notice(message: str, template: Template) -> str:
    words = notice_of(template.spec.document)
    return message if words is None else f"{message}; {words}"


def arrived(template: Template, git: GitPlace, base: Base) -> Report:
    """Report that a commit whose fate was unknown is on the branch; the pass goes on."""
    found = in_step(template, git, base)
    message = f"The commit {base.commit[:7]} had arrived on {git.branch}; looking at both sides"
    return replace(found, outcome=Waiting(Reason.PROGRESSING, message, timedelta(0)))


def blocked(template: Template, decision: Blocked, recheck: timedelta | None) -> Report:
    """Report that a person has to act; what both sides last agreed on is kept."""
    outcome = Stalled(decision.reason, decision.message, recheck)
    return Report(template, outcome, _kept(template, decision))


def branch_missing(template: Template, git: GitPlace) -> Report:
    """Report that the branch does not exist; the watch tells when it appears."""
    return blocked(
        template,
        Blocked(
            Reason.BRANCH_NOT_FOUND,
            f"branch {git.branch} does not exist in {git.repository}; "
            f"create it or change spec.git.branch",
        ),
        None,
    )


def refused(template: Template, git: GitPlace, words: str, recheck: timedelta) -> Report:
    """Report that the server refused the push; the edit stays in the object."""
    message = (
        f"{git.repository} refused the push to {git.branch}: {words}; "
        f"the edit is kept in spec.document and tried again"
    )
    return blocked(template, Blocked(Reason.PUSH_REJECTED, message), recheck)


def contended(template: Template, branch: str) -> Report:
    """Report that others pushed faster than the edit could be replayed."""
    outcome = Waiting(
        Reason.PUSH_CONTENDED,
        f"others push to {branch} faster than the edit can be replayed; trying again",
        CONTENDED_RETRY,
    )
    return Report(template, outcome, _kept(template))


def git_failed(template: Template, error: GitError, interval: timedelta) -> Report:
    """Report that Git could not be asked, or refused."""
    return Report(template, outcomes.git_failed(error, interval), _kept(template))


def _kept(template: Template, decision: Blocked | None = None) -> JsonObject:
    sync = synced_of(template)
    if decision is not None and decision.conflicts:
        sync = (sync or SyncStatus()).model_copy(update={"conflicts": decision.conflicts})
    elif sync is not None:
        sync = sync.model_copy(update={"conflicts": None})
    if sync is None:
        return kept_updates(template)
    kept = sync.model_copy(update={"pending_write": None}).dump()
    return {**kept_updates(template), **({"sync": kept} if kept else {})}


def kept_updates(template: Template) -> JsonObject:
    """Return what a report that says nothing about updates and options leaves as it was."""
    status = template.status
    found = {"effective": status.effective, "updated": status.updated}
    return {field: value.dump() for field, value in found.items() if value is not None}
