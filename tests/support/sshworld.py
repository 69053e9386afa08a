"""A repository on a real ssh server, for the suite that every backend is held to."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping

from typing_extensions import override

from ebbflow.devcluster.gitrepository import Content, GitRepository, LoggedCommit
from ebbflow.domain.git import CommitId, Remote
from ebbflow.domain.ports import GitBackend
from tests.support.gitworld import PASSWORD, GitWorld, merge, tag
from tests.support.sshserver import SshServer, new_key
from tests.support.waiting import eventually

AUTHOR = "Ann Example <ann@example.com>"
_names = itertools.count(1)
# Waits, after the pack has come and before the branch moves, for somebody to take the file away.
_HOLD = """#!/bin/sh
[ -e hold ] || exit 0
: > held
while [ -e hold ]; do sleep 0.02; done
"""


class SshWorld(GitWorld):
    """sshd on loopback; a wrong password is here a key that the server does not know."""

    def __init__(self, server: SshServer, git: GitBackend) -> None:
        self.server = server
        self.git = git
        self.name = f"team/app{next(_names)}"
        self._stranger = new_key()

    @property
    def repository(self) -> GitRepository:
        return self.server.repository(self.name)

    @override
    def create(self, files: Mapping[str, Content] | None = None) -> CommitId:
        made = GitRepository.create(self.server.root / f"{self.name}.git", "main")
        return made.commit(files, message="Begin", author=AUTHOR, branch="main") if files else ""

    @override
    def commit(
        self,
        files: Mapping[str, Content],
        message: str = "Edit",
        *,
        author: str = AUTHOR,
        branch: str = "main",
    ) -> CommitId:
        return self.repository.commit(files, message=message, author=author, branch=branch)

    @override
    def point(self, branch: str, commit: CommitId | None) -> None:
        self.repository.point(branch, commit)

    @override
    def merge(self, other: CommitId) -> CommitId:
        return merge(self.repository, other)

    @override
    def tag(self, name: str, commit: CommitId, message: str | None = None) -> None:
        tag(self.repository, name, commit, message)

    @override
    def head(self, branch: str = "main") -> CommitId | None:
        return self.repository.head(branch)

    @override
    def show(self, revision: str, path: str) -> bytes:
        return self.repository.show(revision, path)

    @override
    def log(self, branch: str = "main") -> list[LoggedCommit]:
        return self.repository.log(branch)

    @override
    def refuse_pushes(self, words: str) -> None:
        self._hook(f"#!/bin/sh\ncat >&2 <<'WORDS'\n{words}\nWORDS\nexit 1\n")

    @override
    def before_push(self, callback: Callable[[], None]) -> None:
        self._hook(_HOLD)
        hold = self.repository.path / "hold"
        hold.touch()

        def act() -> None:
            eventually((self.repository.path / "held").exists, 60, "a push to be held")
            callback()
            hold.unlink()

        threading.Thread(target=act, daemon=True).start()

    @override
    def go_away(self) -> None:
        self.server.stop()

    @override
    def remote(self, *, password: str = PASSWORD, repository: str | None = None) -> Remote:
        key = None if password == PASSWORD else self._stranger
        return Remote(self.server.url_of(repository or self.name), self.server.credential(key))

    def _hook(self, text: str) -> None:
        hook = self.repository.path / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(text, encoding="utf-8")
        hook.chmod(0o755)
