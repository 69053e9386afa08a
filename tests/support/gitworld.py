"""One way to set up Git servers for a test, whether they are real or in memory."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from typing_extensions import override

from ebbflow.adapters.git import HostPolicy, Timeouts
from ebbflow.devcluster.gitrepository import Content, GitRepository, LoggedCommit
from ebbflow.domain.git import (
    BasicCredential,
    CommitHeader,
    CommitId,
    Remote,
    Signature,
    Unreachable,
)
from ebbflow.domain.ports import GitBackend, SyncMetrics
from ebbflow.domain.secret import Tainted
from tests.support.gitserver import FaultyGitServer
from tests.support.memory_git import AUTHOR, MemoryGit

USER = "robot"
PASSWORD = "canary-Pa55/w0rd+of=git"
PERSON = Signature("Ann Example", "ann@example.com")
COMMIT_HEADER = CommitHeader(
    author=PERSON,
    committer=Signature("ebbflow", "ebbflow@ebbflow.dev"),
    time=1_700_000_000,
    message="Update shop\n\nEbbflow-Object: Template/default/shop\n",
)
SHOP = b"replicas: 2\n"
HTTP = HostPolicy(allow_insecure_http=True)
QUICK = Timeouts(operation=1, connect=0.8, read=0.8)

MakeBackend = Callable[..., Any]
_names = itertools.count(1)


@dataclass
class RecordedMetrics(SyncMetrics):
    operations: list[tuple[str, str]] = field(default_factory=list)

    @override
    def git_operation(self, operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.operations.append((operation, outcome))

    @override
    def sync(self, direction: str) -> None:
        raise AssertionError("the Git adapter counts no syncs")


class GitWorld(Protocol):
    """A server that wants USER and PASSWORD, one repository on it, and a backend."""

    git: GitBackend

    def create(self, files: Mapping[str, Content] | None = None) -> CommitId: ...
    def commit(
        self,
        files: Mapping[str, Content],
        message: str = "Edit",
        *,
        author: str = AUTHOR,
        branch: str = "main",
    ) -> CommitId: ...
    def point(self, branch: str, commit: CommitId | None) -> None: ...
    def merge(self, other: CommitId) -> CommitId: ...
    def tag(self, name: str, commit: CommitId, message: str | None = None) -> None: ...
    def head(self, branch: str = "main") -> CommitId | None: ...
    def show(self, revision: str, path: str) -> bytes: ...
    def log(self, branch: str = "main") -> list[LoggedCommit]: ...
    def refuse_pushes(self, words: str) -> None: ...
    def before_push(self, callback: Callable[[], None]) -> None: ...
    def go_away(self) -> None: ...
    def remote(self, *, password: str = PASSWORD, repository: str | None = None) -> Remote: ...


class RealWorld(GitWorld):
    """git http-backend behind HTTP; the backend under test talks to it over loopback."""

    def __init__(self, server: FaultyGitServer, git: GitBackend) -> None:
        self.server = server
        self.git = git
        self.name = f"team/app{next(_names)}"

    @override
    def create(self, files: Mapping[str, Content] | None = None) -> CommitId:
        return self.server.create_repository(self.name, files)

    @override
    def commit(
        self,
        files: Mapping[str, Content],
        message: str = "Edit",
        *,
        author: str = AUTHOR,
        branch: str = "main",
    ) -> CommitId:
        return self.server.commit(self.name, files, message, author, branch=branch)

    @override
    def point(self, branch: str, commit: CommitId | None) -> None:
        self.server.repository(self.name).point(branch, commit)

    @override
    def merge(self, other: CommitId) -> CommitId:
        return merge(self.server.repository(self.name), other)

    @override
    def tag(self, name: str, commit: CommitId, message: str | None = None) -> None:
        tag(self.server.repository(self.name), name, commit, message)

    @override
    def head(self, branch: str = "main") -> CommitId | None:
        return self.server.head(self.name, branch)

    @override
    def show(self, revision: str, path: str) -> bytes:
        return self.server.show(self.name, revision, path)

    @override
    def log(self, branch: str = "main") -> list[LoggedCommit]:
        return self.server.log(self.name, branch)

    @override
    def refuse_pushes(self, words: str) -> None:
        self.server.refuse_pushes(self.name, words)

    @override
    def before_push(self, callback: Callable[[], None]) -> None:
        self.server.before_receive(callback)

    @override
    def go_away(self) -> None:
        self.server.stop()

    @override
    def remote(self, *, password: str = PASSWORD, repository: str | None = None) -> Remote:
        url = self.server.url_of(repository or self.name)
        return Remote(url, BasicCredential(USER, Tainted(password)))


class MemoryWorld(GitWorld):
    """The fake on both sides."""

    def __init__(self) -> None:
        self.memory = MemoryGit()
        self.git = self.memory
        self.url = "https://git.example.com/team/app.git"

    @override
    def create(self, files: Mapping[str, Content] | None = None) -> CommitId:
        sha = self.memory.create_repository(self.url, files)
        self.memory.require(self.url, USER, PASSWORD)
        return sha

    @override
    def commit(
        self,
        files: Mapping[str, Content],
        message: str = "Edit",
        *,
        author: str = AUTHOR,
        branch: str = "main",
    ) -> CommitId:
        return self.memory.commit(self.url, files, message, author, branch=branch)

    @override
    def point(self, branch: str, commit: CommitId | None) -> None:
        self.memory.point(self.url, branch, commit)

    @override
    def merge(self, other: CommitId) -> CommitId:
        return self.memory.merge(self.url, other)

    @override
    def tag(self, name: str, commit: CommitId, message: str | None = None) -> None:
        self.memory.tag(self.url, name, commit)

    @override
    def head(self, branch: str = "main") -> CommitId | None:
        return self.memory.head(self.url, branch)

    @override
    def show(self, revision: str, path: str) -> bytes:
        return self.memory.show(self.url, revision, path)

    @override
    def log(self, branch: str = "main") -> list[LoggedCommit]:
        return self.memory.log(self.url, branch)

    @override
    def refuse_pushes(self, words: str) -> None:
        self.memory.refuse_pushes(self.url, words)

    @override
    def before_push(self, callback: Callable[[], None]) -> None:
        self.memory.before_push.append(callback)

    @override
    def go_away(self) -> None:
        self.memory.fail(self.url, Unreachable("git.example.com did not answer"))

    @override
    def remote(self, *, password: str = PASSWORD, repository: str | None = None) -> Remote:
        url = f"https://git.example.com/{repository}.git" if repository else self.url
        return Remote(url, BasicCredential(USER, Tainted(password)))


def merge(repository: GitRepository, other: CommitId) -> CommitId:
    """Merge a commit that holds all that main does into main; the new commit's id."""
    main = repository.head("main")
    made = repository.git(
        *("-c", "user.name=Ann", "-c", "user.email=ann@example.com"),
        *("commit-tree", f"{other}^{{tree}}", "-p", f"{main}", "-p", other, "-m", "Merge"),
    )
    commit = made.decode().strip()
    repository.point("main", commit)
    return commit


def tag(repository: GitRepository, name: str, commit: CommitId, message: str | None) -> None:
    """Make a tag or move it; with a message it is an object of its own."""
    words = ("-a", "-m", message) if message else ()
    person = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    repository.git(*person, "tag", "--force", *words, name, commit)


def noise(size: int) -> bytes:
    """Return bytes that do not compress, the same each time."""
    return random.Random(size).randbytes(size)  # not for secrets
