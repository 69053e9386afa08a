"""What the rest of ebbflow knows of Git: remotes, files, commits, and what can go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from typing_extensions import override

from ebbflow.api.reasons import Reason
from ebbflow.domain.secret import Tainted

CommitId = str  # 40 hexadecimal digits
BlobId = str  # 40 hexadecimal digits

HEADS: Final = "refs/heads/"
TAGS: Final = "refs/tags/"


@dataclass(frozen=True, slots=True)
class BasicCredential:
    """A user name and a password or token, sent by HTTP Basic authentication to one origin."""

    username: str
    password: Tainted

    def fingerprint(self) -> str:
        """Return what tells caches of different credentials apart, without giving them away."""
        return Tainted(f"{self.username}\0{self.password.reveal()}").fingerprint()


@dataclass(frozen=True, slots=True)
class SshKey:
    """A private key for ssh, and the host keys that servers must show: lines of known_hosts(5)."""

    private_key: Tainted
    known_hosts: str

    def fingerprint(self) -> str:
        """Return what tells caches of different credentials apart, without giving them away."""
        return Tainted(f"ssh\0{self.private_key.reveal()}\0{self.known_hosts}").fingerprint()


Credential = BasicCredential | SshKey


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository as seen with one credential. Two Templates with equal remotes share a cache."""

    url: str
    credential: Credential | None = None
    ca_bundle: str | None = None


@dataclass(frozen=True, slots=True)
class GitFile:
    """One regular file of a commit."""

    blob: BlobId
    data: bytes


_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LFS_POINTER_BYTES = 1024  # the specification's bound of a pointer's size


def is_lfs_pointer(data: bytes) -> bool:
    """Tell whether a file only points to its content in Git LFS (its specification, v1)."""
    return len(data) < _LFS_POINTER_BYTES and data.startswith(_LFS_POINTER)


def lfs_words(path: str) -> str:
    """Say what to do about a file that lies in Git LFS."""
    return (
        f"{path!r} lies in Git LFS, which is not supported: Git itself holds only a pointer to it."
        " Take the file out of LFS (git lfs untrack), or change spec.git.path."
    )


@dataclass(frozen=True, slots=True)
class Signature:
    """A person on a commit."""

    name: str
    email: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name <address>`; what has no such form is an address."""
        name, _, rest = text.rpartition(" <")
        return cls(name, rest.removesuffix(">"))

    @override
    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class CommitNote:
    """What a commit says of itself."""

    sha: CommitId
    message: str
    author: Signature


@dataclass(frozen=True, slots=True)
class Changes:
    """What lies between two commits: `before`, which may be unknown, and the commit `head`.

    paths: files that differ between the two trees; None where that cannot be told (no `before`,
        one that the server no longer has, or more than MAX_CHANGED_PATHS).
    commits: those that `head` is made of and `before` is not, newest first; only `head` where
        that cannot be told. None of them where `head` is an ancestor of `before`.
    """

    head: CommitNote
    paths: frozenset[str] | None
    commits: tuple[CommitNote, ...]


MAX_CHANGED_PATHS: Final = 20_000
"""Files of one change; more are as good as all."""

MAX_NOTE: Final = 65_536
"""Characters of a commit's message that are read."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ssh key (Ed25519) that commits are signed with; it is never sent anywhere."""

    private_key: Tainted


@dataclass(frozen=True, slots=True)
class CommitHeader:
    """Everything of a commit beside its tree and parent; equal headers make equal commits."""

    author: Signature
    committer: Signature
    time: int  # seconds since 1970, UTC, for author and committer
    message: str
    signing_key: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class PreparedCommit:
    """A commit that exists in memory only, with the objects that a push must carry.

    `blob` is the file's that it puts; empty for one that changes several files.
    """

    commit: CommitId
    parent: CommitId
    tree: str
    blob: BlobId
    objects: tuple[tuple[int, bytes], ...]  # Git type number and raw content


@dataclass(frozen=True, slots=True)
class Pushed:
    """The branch now points at the commit."""


@dataclass(frozen=True, slots=True)
class BranchMoved:
    """The branch was no longer where the commit was made; `head` is where it is (None: gone)."""

    head: CommitId | None


@dataclass(frozen=True, slots=True)
class PushRefused:
    """The server refused the push and the branch did not move; `words` are the server's."""

    words: str


PushResult = Pushed | BranchMoved | PushRefused


class GitError(Exception):
    """Git could not do it. `reason` goes into the condition, the text tells a person what to do.

    The text never holds a credential. `transient`: trying again later may help by itself.
    """

    reason: Reason = Reason.GIT_UNREACHABLE
    transient = True

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(GitError):
    """No usable answer: refused connection, time-out, TLS failure, HTTP 5xx or 429."""


class AuthenticationFailed(GitError):
    """HTTP 401 or 403, or a refused key."""

    reason = Reason.AUTHENTICATION_FAILED
    transient = False


class HostKeyNotTrusted(GitError):
    """An ssh server shows a key that the account's known hosts do not hold, or another one."""

    reason = Reason.HOST_KEY_NOT_TRUSTED
    transient = False


class RepositoryNotFound(GitError):
    """HTTP 404, or the server's word that there is no such repository."""

    reason = Reason.REPOSITORY_NOT_FOUND
    transient = False


class AddressNotAllowed(GitError):
    """A scheme or host that the operator may not connect to."""

    reason = Reason.URL_NOT_ALLOWED
    transient = False


class CommitGone(GitError):
    """The server no longer has the commit that it listed, or does not hand it out by its id.

    Ask again where the branch is: it moved, or its history was rewritten, since it was listed.
    """


class InvalidRequest(GitError):
    """A branch, path or certificate that cannot be used; the text says which and why."""

    reason = Reason.INVALID_SPEC
    transient = False


class NotAFile(GitError):
    """A directory, link, submodule or pointer of Git LFS lies at the path (or a link before it)."""

    reason = Reason.NOT_A_FILE
    transient = False


class NotACommit(GitError):
    """A reference points at something else: a tag of a file or directory, for one."""

    reason = Reason.NOT_A_COMMIT
    transient = False


class TooLarge(GitError):
    """The blob, or what had to be fetched for it, is over the limit."""

    reason = Reason.FILE_TOO_LARGE
    transient = False
