"""The sync decision: from what both sides hold and last agreed on, to what is to be done.

The rules are those of the API's "Sync, exactly": Git wins the first time, afterwards an edit on one
side goes to the other, and edits on both sides are merged field by field over the last agreed
document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.template import (
    FieldConflict,
    GitPlace,
    PendingWrite,
    SyncOptions,
    SyncStatus,
    Template,
)
from ebbflow.domain.conflicts import shown_conflicts
from ebbflow.domain.document import InvalidDocument, document_hash, validate
from ebbflow.domain.first_few import SHOWN, first_few
from ebbflow.domain.git import BlobId, CommitId
from ebbflow.domain.leaks import IsSecret, leaked_path, nothing_is_secret
from ebbflow.domain.merge import MergeConflict, Prefer, merge
from ebbflow.domain.taken import synced

RESOLVE: Final = f"{GROUP}/resolve"
"""The annotation by which a person says which side wins a conflict; it is used once."""

Resolution = Literal["git", "cluster"]


@dataclass(frozen=True, slots=True)
class Base:
    """Where both sides were last the same; `editor` made the edit, if we have just committed it."""

    commit: CommitId
    blob: BlobId
    document_hash: str
    editor: str | None = None


@dataclass(frozen=True, slots=True)
class FileSide:
    """The file at the head, read and found valid."""

    blob: BlobId
    data: bytes
    document: JsonObject
    document_hash: str


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """The file at the head, which is no valid document; the message says where and why."""

    blob: BlobId
    message: str


@dataclass(frozen=True, slots=True)
class Sides:
    """All that a decision needs to know.

    `base` is None before the first sync of this place; `base_document` is None where it was not
    needed or is no longer to be had. `resolve` is what the annotation RESOLVE says.
    """

    cluster: JsonObject | None
    file: FileSide | UnreadableFile | None
    base: Base | None
    base_document: JsonObject | None = None
    resolve: str | None = None


@dataclass(frozen=True, slots=True)
class InStep:
    """Both sides hold the same document."""


@dataclass(frozen=True, slots=True)
class TakeFromGit:
    """The object gets the file's document.

    `reverts`: an edit in the cluster is undone by it. `resolved`: the annotation RESOLVE decided.
    """

    document: JsonObject
    reverts: bool = False
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class WriteToGit:
    """The file gets this document (`file` None: it is created), and so does the object.

    `merged`: the document differs from the object's, because both sides had been edited.
    `resolved`: the annotation RESOLVE decided.
    """

    document: JsonObject
    file: FileSide | None
    merged: bool = False
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing can be done on either side before a person acts."""

    reason: Reason
    message: str
    conflicts: tuple[FieldConflict, ...] = ()


Decision = InStep | TakeFromGit | WriteToGit | Blocked


def synced_of(template: Template) -> SyncStatus | None:
    """Return where the object says that both sides were last the same, for whatever place."""
    status = template.status
    return synced(template.metadata, status.observed_generation, status.sync)


def pending_of(template: Template) -> PendingWrite | None:
    """Return the record of a commit whose push may have arrived or not; None if there is none."""
    return template.status.sync.pending_write if template.status.sync else None


def base_of(sync: SyncStatus | None, git: GitPlace) -> Base | None:
    """Return the agreed base that is recorded, if it speaks of the very place of `git`."""
    if sync is None or sync.commit is None or sync.blob is None or sync.document_hash is None:
        return None
    if (sync.repository, sync.branch, sync.path) != (git.repository, git.branch, git.path):
        return None
    return Base(sync.commit, sync.blob, sync.document_hash)


def edited_in_cluster(cluster: JsonObject | None, base: Base | None) -> bool:
    """Tell whether the object's document was edited since the sides were last the same."""
    return cluster is not None and base is not None and document_hash(cluster) != base.document_hash


def edited_in_git(file: FileSide | UnreadableFile | None, base: Base | None) -> bool:
    """Tell whether a commit changed the document since the sides were last the same."""
    return (
        isinstance(file, FileSide) and base is not None and file.document_hash != base.document_hash
    )


def decide(
    sides: Sides, options: SyncOptions, git: GitPlace, is_secret: IsSecret = nothing_is_secret
) -> Decision:
    """Decide what one pass has to do. Nothing that holds a new secret is written to Git."""
    decision = _decide(sides, options, git)
    if isinstance(decision, WriteToGit):
        return _unproposed(options, git) or _leaking(decision, is_secret) or decision
    return decision


def _decide(sides: Sides, options: SyncOptions, git: GitPlace) -> Decision:
    match sides.file:
        case UnreadableFile(_, message):
            return Blocked(Reason.INVALID_DOCUMENT, message)
        case None:
            return _decide_without_file(sides, git)
        case FileSide() as file:
            return _decide_with_file(sides, file, options)


def _unproposed(options: SyncOptions, git: GitPlace) -> Blocked | None:
    """Refuse to push what is only to be proposed: nobody can propose it yet."""
    if not options.pull_requests.always:
        return None
    return Blocked(
        Reason.INVALID_SPEC,
        f"spec.sync.pullRequests.always: pull requests cannot be opened yet, and nothing is pushed to "
        f"{git.branch} instead; make the edit in Git, or set always to false to have it pushed",
    )


def _leaking(write: WriteToGit, is_secret: IsSecret) -> Blocked | None:
    path = leaked_path(write.document, write.file.document if write.file else None, is_secret)
    if path is None:
        return None
    return Blocked(
        Reason.SECRET_IN_DOCUMENT,
        f"spec.document.{path} holds a secret, which is not written to Git; put it into a Secret "
        f"and name it by an expression or by spec.argumentOverrides",
    )


def _decide_without_file(sides: Sides, git: GitPlace) -> Decision:
    if sides.base is not None:
        return Blocked(
            Reason.FILE_NOT_FOUND,
            f"{git.path} is gone from branch {git.branch}; restore it, change spec.git.path, "
            f"or remove spec.git to keep the object without a file",
        )
    if not sides.cluster:
        return Blocked(
            Reason.NOTHING_TO_SYNC,
            f"{git.path} does not exist on branch {git.branch} and spec.document is empty; "
            f"commit the file or fill spec.document",
        )
    return _invalid(sides.cluster) or WriteToGit(sides.cluster, None)


def _decide_with_file(sides: Sides, file: FileSide, options: SyncOptions) -> Decision:
    cluster = sides.cluster
    if cluster is not None and document_hash(cluster) == file.document_hash:
        return InStep()
    # An object without a document has no opinion: a manifest that leaves it out is no edit.
    if sides.base is None or cluster is None:
        return TakeFromGit(file.document)
    if edited_in_cluster(cluster, sides.base):
        return _decide_cluster_edit(sides, cluster, file, options)
    if options.direction == "ToGit":
        return WriteToGit(cluster, file)
    return TakeFromGit(file.document)


def _decide_cluster_edit(
    sides: Sides, cluster: JsonObject, file: FileSide, options: SyncOptions
) -> Decision:
    if options.direction == "FromGit":
        return TakeFromGit(file.document, reverts=True)
    if invalid := _invalid(cluster):
        return invalid
    if options.direction == "ToGit" or not edited_in_git(file, sides.base):
        return WriteToGit(cluster, file)
    return _decide_both(sides, cluster, file, options)


def _decide_both(
    sides: Sides, cluster: JsonObject, file: FileSide, options: SyncOptions
) -> Decision:
    resolution = _resolution(sides.resolve)
    prefer = _preferred_side(options, resolution)
    if sides.base_document is None:
        if prefer is None:
            return _indistinguishable(sides.resolve)
        return _whole_side(prefer, cluster, file, resolved=resolution is not None)
    merged = merge(sides.base_document, cluster, file.document)
    conflicts = merged.conflicts
    if conflicts:
        if prefer is None:
            return _conflict(conflicts, cluster, file.document, sides.resolve)
        merged = merge(sides.base_document, cluster, file.document, prefer=prefer)
    if invalid := _invalid(merged.document):
        if prefer is not None and resolution is not None:
            return _whole_side(prefer, cluster, file, resolved=True)
        return _unfit_together(invalid, sides.resolve)
    return _carry(merged.document, cluster, file, resolved=bool(conflicts and resolution))


def _carry(
    merged: JsonObject, cluster: JsonObject, file: FileSide, *, resolved: bool
) -> TakeFromGit | WriteToGit:
    """Bring both sides to the merged document, by way of Git where the file lacks anything."""
    if document_hash(merged) == file.document_hash:
        return TakeFromGit(file.document, resolved=resolved)
    differs = document_hash(merged) != document_hash(cluster)
    return WriteToGit(merged, file, merged=differs, resolved=resolved)


def _whole_side(
    prefer: Prefer, cluster: JsonObject, file: FileSide, *, resolved: bool
) -> TakeFromGit | WriteToGit:
    if prefer == "theirs":
        return TakeFromGit(file.document, resolved=resolved)
    return WriteToGit(cluster, file, resolved=resolved)


def _resolution(annotation: str | None) -> Resolution | None:
    match annotation:
        case "git" | "cluster":
            return annotation
        case _:
            return None


def _preferred_side(options: SyncOptions, resolution: Resolution | None) -> Prefer | None:
    match resolution:
        case "git":
            return "theirs"
        case "cluster":
            return "ours"
        case None:
            pass
    match options.on_conflict:
        case "PreferGit":
            return "theirs"
        case "PreferCluster":
            return "ours"
        case "Fail" | "PullRequest":
            return None


def _invalid(document: JsonObject) -> Blocked | None:
    try:
        validate(document)
    except InvalidDocument as error:
        where = f"spec.document.{error.path}: " if error.path else "spec.document: "
        return Blocked(Reason.INVALID_DOCUMENT, where + error.message)
    return None


def _unfit_together(invalid: Blocked, resolve: str | None) -> Blocked:
    return Blocked(
        Reason.CONFLICT,
        f"both sides changed, and together the edits make no valid document "
        f"({invalid.message}); {_ways_out(resolve)}",
    )


def _indistinguishable(resolve: str | None) -> Blocked:
    return Blocked(
        Reason.CONFLICT,
        f"both sides changed, and the last synced content is no longer to be had from Git, "
        f"so the edits cannot be told apart; {_ways_out(resolve)}",
    )


def _conflict(
    conflicts: tuple[MergeConflict, ...],
    cluster: JsonObject,
    file: JsonObject,
    resolve: str | None,
) -> Blocked:
    paths = first_few([c.path for c in conflicts[:SHOWN]], len(conflicts), ", ")
    return Blocked(
        Reason.CONFLICT,
        f"both sides changed {paths}; status.sync.conflicts has the values: {_ways_out(resolve)}",
        shown_conflicts(conflicts, cluster, file),
    )


def _ways_out(resolve: str | None) -> str:
    ways = f"make spec.document and the file the same, or annotate {RESOLVE}=git or =cluster"
    if resolve is None:
        return ways
    return f"{ways} (it is {resolve[:40]!r})"
