"""The way to a server's Git services, whatever carries it: HTTP requests or a program on ssh."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ebbflow.adapters.git.operation import Operation
from ebbflow.domain.git import Remote

Read = Callable[[int], bytes]
"""Return so many bytes of an answer; fewer only at its end."""

UPLOAD_PACK = "git-upload-pack"


class Link(Protocol):
    """One operation's way to one remote; used by one thread, and closed at the end."""

    @property
    def remote(self) -> Remote: ...
    @property
    def operation(self) -> Operation: ...
    @property
    def spares_discovery(self) -> bool:
        """Whether a command may be sent without asking for the server's capabilities before."""
        ...

    def advertisement(self) -> AbstractContextManager[tuple[Read, str]]:
        """Ask what the server can do; gives the answer, and the base of later commands.

        Raises:
            GitError: the server cannot be reached, refuses, or is none.
        """
        ...

    def command(self, base: str, body: bytes) -> AbstractContextManager[Read]:
        """Send a command of protocol version 2 to what `advertisement` named, and give the answer.

        Raises:
            GitError: the server cannot be reached, or refuses.
        """
        ...

    def client(self) -> Any:
        """Return dulwich's client over this way, for pushes and for version 0."""
        ...

    def close(self) -> None:
        """End what belongs to this operation alone."""
        ...
