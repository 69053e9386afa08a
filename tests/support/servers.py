"""Worlds that share a namespace and an operator, each with a Git server and an account of its own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.builders import git_account, secret
from tests.support.canary import Canary, CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.synced import Scene


class GitServers:
    """Makes Git servers to do harm to; leaving it ends them and searches their repositories."""

    def __init__(
        self, kubectl: Kubectl, namespace: str, root: Path, search: CanarySearch, username: str
    ) -> None:
        self._kubectl = kubectl
        self._namespace = namespace
        self._root = root
        self._search = search
        self._username = username
        self._stack = ExitStack()

    def __call__(self, name: str) -> Scene:
        """Make a server and an account for it, both of this name."""
        canary = Canary.generate()
        self._search.add(canary)
        (self._root / name).mkdir()
        server = FaultyGitServer(self._root / name, username=self._username, password=canary.value)
        self._stack.enter_context(server)
        login = secret(name).within(self._namespace).for_hosts("127.0.0.1")
        self._kubectl.apply(login.with_login(self._username, canary.value).build())
        self._kubectl.apply(git_account(name).within(self._namespace).using(name).build())
        return Scene(self._kubectl, server, self._namespace, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._search.look_at_repositories(self._root)
