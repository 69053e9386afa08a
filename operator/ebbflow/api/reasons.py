"""Every reason that a condition or an event can have, once, with what it means and what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A CamelCase word for machines; its `help` is the sentence for people."""

    help: str

    def __new__(cls, value: str, help_text: str) -> Self:
        """Make a member whose text is the word and whose `help` is the sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.help = help_text
        return member

    # While Ready is True
    IN_STEP = "InStep", "The object and its file hold the same document. Nothing to do."
    NOT_SYNCED = "NotSynced", "`spec.git` is absent, so nothing is kept in step. Nothing to do."
    ACCOUNT_READY = "AccountReady", "The account's credentials are complete. Nothing to do."
    SUSPENDED = "Suspended", "`spec.suspend` is true. Set it to false to go on."

    WATCHING = "Watching", "The trigger waits for its event. Nothing to do."
    PAUSED = "Paused", "The trigger starts nothing. Set `spec.paused` to false to go on."

    # Ready=Unknown or False, Reconciling=True: the operator tries again by itself
    PROGRESSING = "Progressing", "The operator is at work on the object. Wait."
    GIT_UNREACHABLE = (
        "GitUnreachable",
        "The Git server did not answer. The operator tries again; check the address and the network.",
    )
    PUSH_CONTENDED = (
        "PushContended",
        "Others push to the branch faster than the edit can be replayed. The operator tries again.",
    )
    INTERNAL_ERROR = (
        "InternalError",
        "The operator met an error of its own. It tries again; its log has the details.",
    )
    CLUSTER_ERROR = (
        "ClusterError",
        "The API server refused a request of the operator. The message names it; the operator tries again.",
    )

    # Ready=False, Stalled=True: somebody has to act; checked again at the poll interval
    INVALID_SPEC = (
        "InvalidSpec",
        "A field of the spec cannot be used. The message names the field and what it must be.",
    )
    ACCOUNT_NOT_FOUND = (
        "AccountNotFound",
        "The GitAccount does not exist. Create it or change `spec.git.accountRef`.",
    )
    ACCOUNT_NOT_ALLOWED = (
        "AccountNotAllowed",
        "The GitAccount does not serve this namespace, owner or repository. Change its `access` or `allowedNamespaces`.",
    )
    SECRET_NOT_FOUND = (
        "SecretNotFound",
        "The Secret does not exist. Create it or change `spec.secretRef`, of a GitTrigger `spec.keyFrom`.",
    )
    SECRET_INCOMPLETE = (
        "SecretIncomplete",
        "The Secret lacks keys, or one cannot be used. Give it `token`, or `username` and `password`, or for ssh `privateKey` and `knownHosts`; of a GitTrigger, what `spec.keyFrom` names.",
    )
    SECRET_NOT_FOR_HOST = (
        "SecretNotForHost",
        "The Secret does not say that it may be sent to this host. Add the host to its annotation ebbflow.dev/hosts.",
    )
    AUTHENTICATION_FAILED = (
        "AuthenticationFailed",
        "The Git server refused the credentials. Correct the Secret of the GitAccount.",
    )
    HOST_KEY_NOT_TRUSTED = (
        "HostKeyNotTrusted",
        "The ssh server shows a key that `knownHosts` in the account's Secret does not hold, or another one than it holds. The message says how to compare and add it.",
    )
    REPOSITORY_NOT_FOUND = (
        "RepositoryNotFound",
        "The Git server has no such repository, or hides it from this account. Check `spec.git.repository`.",
    )
    BRANCH_NOT_FOUND = (
        "BranchNotFound",
        "The branch does not exist. Create it or change `spec.git.branch`.",
    )
    FILE_NOT_FOUND = (
        "FileNotFound",
        "The file was there and is gone. Restore it, change `spec.git.path`, or remove `spec.git`.",
    )
    NOT_A_FILE = (
        "NotAFile",
        "What lies at the path is a directory, a symbolic link, a submodule or a pointer of Git LFS. Change `spec.git.path`.",
    )
    FILE_TOO_LARGE = (
        "FileTooLarge",
        "The file or the repository is over the limit. Make it smaller or change `spec.git.path`.",
    )
    NOTHING_TO_SYNC = (
        "NothingToSync",
        "There is neither a file nor a `spec.document`. Write one of the two.",
    )
    INVALID_DOCUMENT = (
        "InvalidDocument",
        "The document is not valid. The message has the line and column, or the field path.",
    )
    CONFLICT = (
        "Conflict",
        "The same fields were changed on both sides. `status.sync.conflicts` lists them; make the sides agree, or annotate ebbflow.dev/resolve.",
    )
    SECRET_IN_DOCUMENT = (
        "SecretInDocument",
        "The edited document, or the message of its commit, holds a secret, which is never written to Git. The message names the place; put the value into a Secret.",
    )
    CANNOT_EDIT_IN_PLACE = (
        "CannotEditInPlace",
        "The edit cannot be written into the file without changing other lines. Make it in Git.",
    )
    PUSH_REJECTED = (
        "PushRejected",
        "The Git server refused the push. The message has its words; the edit is kept in the cluster.",
    )
    URL_NOT_ALLOWED = (
        "URLNotAllowed",
        "The operator may not connect to this address. Change it, or the operator's --allowed-hosts or --allow-insecure-http.",
    )
    TOO_MANY_REFS = (
        "TooManyRefs",
        "More branches, tags or pull requests match than a trigger can follow. Name fewer in `spec.branches` or `spec.tags`.",
    )

    # Runs
    QUEUED = (
        "Queued",
        "The Run waits for others of its source; `status.position` is its place. `concurrencyPolicy` decides this.",
    )
    RUNNING = "Running", "The Run is under way."
    WAITING_FOR_APPROVAL = (
        "WaitingForApproval",
        "The Run waits for people to approve a node. The message names it and how many are missing.",
    )
    WAITING = (
        "Waiting",
        "The Run waits for a time to come, or for something outside of it. The message names the node and what it waits for. Nothing to do, unless that never comes.",
    )
    SUCCEEDED = "Succeeded", "Every node that had to succeed did. Nothing to do."
    NODE_FAILED = (
        "NodeFailed",
        "A node failed. The message names it. Correct the cause, then make a Run with `retryOf` to go on from there.",
    )
    TIMED_OUT = (
        "TimedOut",
        "The Run took longer than `spec.timeout` of its source. Make the timeout longer or the work shorter.",
    )
    CANCELLED = (
        "Cancelled",
        "The Run was stopped by `spec.cancel`, or deleted. What it had made stays.",
    )
    REPLACED = (
        "Replaced",
        "A newer Run took its place, because `concurrencyPolicy` is Replace. Nothing to do.",
    )
    FORBIDDEN = (
        "Forbidden",
        "Another Run was under way, and `concurrencyPolicy` is Forbid. The message names it. Start a Run when that one has ended.",
    )
    SUPERSEDED = (
        "Superseded",
        "A newer Run was asked for before this one began, and only the newest waits. Nothing to do.",
    )
    QUEUE_FULL = (
        "QueueFull",
        "As many Runs wait as `queueLimit` allows. Wait for some to end, cancel some, or raise the limit.",
    )
    HELD = (
        "Held",
        "Automatic triggers are held back after a rollback. Resume with the annotation ebbflow.dev/resume, or start a Run by hand.",
    )
    SOURCE_NOT_FOUND = (
        "SourceNotFound",
        "The object whose document should run does not exist. Create it or make a Run with another `spec.source`.",
    )
    NAME_TAKEN = (
        "NameTaken",
        "A Run of this name belongs to another object, or was made for another trigger. Remove it if it is no longer wanted.",
    )

    TEARDOWN_FAILED = (
        "TeardownFailed",
        "The `teardownSpec` of a Template that is being deleted failed. With `failurePolicy: block` the deletion waits: the message names the Run and what to do.",
    )

    # Verdicts of GitTriggers, in status.deliveries
    RULES_MET = "RulesMet", "Every rule of the trigger was met, and its targets were started."
    REF_DELETED = "RefDeleted", "A branch or tag was deleted, which starts nothing."
    BRANCH_NOT_MATCHED = (
        "BranchNotMatched",
        "The branch matches none of `spec.branches`. Globs match whole names; without any, nothing fires.",
    )
    BASE_BRANCH_NOT_MATCHED = (
        "BaseBranchNotMatched",
        "The pull request goes into a branch that matches none of `spec.baseBranches`.",
    )
    TAG_NOT_MATCHED = "TagNotMatched", "The tag matches none of `spec.tags`."
    LABEL_NOT_MATCHED = (
        "LabelNotMatched",
        "The pull request has none of `spec.labels`. It fires when it gets one.",
    )
    DRAFT = "Draft", "The pull request is a draft, and `spec.ignoreDrafts` is true."
    FORK_NOT_APPROVED = (
        "ForkNotApproved",
        "The pull request comes from a fork, and nobody approved this commit. Read its changes, then name the commit in the trigger's annotation ebbflow.dev/approve-fork.",
    )
    IGNORE_FLAG = (
        "IgnoreFlag",
        "A commit message holds one of `spec.ignoreFlags.flags`. The message of the verdict names the commit.",
    )
    PATHS_NOT_MATCHED = (
        "PathsNotMatched",
        "No changed file counts by `spec.paths`. The message of the verdict has some of them.",
    )
    TRIGGER_PAUSED = (
        "TriggerPaused",
        "The trigger is paused. What happens meanwhile starts nothing later; set `spec.paused` to false to go on.",
    )
    TARGET_PAUSED = (
        "TargetPaused",
        "The document of the target says `options.paused`. What happens meanwhile starts nothing later.",
    )
    TARGET_NOT_FOUND = (
        "TargetNotFound",
        "A target of the trigger does not exist. Create it or change `spec.targets`.",
    )
    NOT_A_COMMIT = (
        "NotACommit",
        "A tag or branch points at something that is no commit. Delete it, or keep it from the trigger's patterns.",
    )
    SCHEDULED = "Scheduled", "The time of the schedule came. Nothing to do."

    # Events only
    PRUNED = (
        "Pruned",
        "What left the document was deleted, because `prune` is true. The message names it.",
    )
    PRUNE_INCOMPLETE = (
        "PruneIncomplete",
        "Something that left the document was not deleted. The message says what and why; it is tried again after the next run.",
    )
    OBJECTS_DELETED = (
        "ObjectsDeleted",
        "What runs made was deleted with the Template, because `deletionPolicy` is Delete.",
    )
    OBJECTS_LEFT = (
        "ObjectsLeft",
        "Something that runs made is still there, although `deletionPolicy` is Delete. The message says what and why; delete it by hand.",
    )
    MESSAGE = "Message", "A Message node of a Run says something. Read it; nothing has to be done."
    IGNORED = (
        "Ignored",
        "The document holds something that has no effect here. The message says what; nothing has to be done.",
    )
    EDIT_REVERTED = (
        "EditReverted",
        "An edit in the cluster was reverted, because `sync.direction` is FromGit.",
    )
