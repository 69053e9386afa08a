"""Commands in containers that run: the port, and its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ebbflow.domain.objects import Account


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, and in which container. No shell reads the arguments."""

    namespace: str
    pod: str
    container: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. `output` is the end of what it wrote, readable, both streams as they came.

    `exit_code` None: it did not run, or nobody knows how it ended; then `words` say why.
    """

    exit_code: int | None
    output: str
    words: str = ""


class PodExec(Protocol):
    """Runs commands in the name of a tenant's ServiceAccount."""

    async def run(self, command: Command, account: Account) -> Outcome:
        """Run a command and wait for its end; cancelling the call closes the connection to it.

        Known secrets are taken out of the output. Raises ObjectError only where it has certainly
        not begun.
        """
        ...
