"""Starting and ending the processes of a control plane, whatever becomes of their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ebbflow.devcluster.identity import ProcessIdentity, only_child
from ebbflow.devcluster.keeper import ORDERLY_END
from ebbflow.devcluster.trouble import ClusterFailed

LOG_TAIL_LINES: Final = 8
LOG_TAIL_BYTES: Final = 64 * 1024
POLL_SECONDS: Final = 0.02
FOR_BOTH: Final = frozenset({signal.SIGKILL, signal.SIGCONT})
CHILD_SECONDS: Final = 10.0


class Keeper:
    """A process group that ends with this process, even after kill -9 (see keeper.py)."""

    def __init__(self, *, remove: Path | None = None) -> None:
        """Start the keeper; it removes the directory `remove` if it has to kill the group."""
        self._child: Final = subprocess.Popen(  # noqa: S603 - this Python, a file beside this one
            [
                sys.executable,
                # Neither site-packages nor the environment can delay or break it.
                *("-I", "-S", str(Path(__file__).with_name("keeper.py"))),
                *(str(os.getpid()), *([] if remove is None else [str(remove)])),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    @property
    def group(self) -> int:
        """The process group to start processes in."""
        return self._child.pid

    def release(self) -> None:
        """End the keeper alone; the processes of the group live on."""
        if self._child.poll() is None and self._child.stdin is not None:
            self._child.communicate(ORDERLY_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@dataclass(slots=True)
class Part:
    """One process of a cluster, started here or found by its pid file.

    `child` is what we started: the process itself, or a command that only waits for it.
    """

    name: str
    identity: ProcessIdentity
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def alive(self) -> bool:
        """Tell whether it runs."""
        if self.child is not None and self.child.poll() is None:
            return True
        # What only waited for it may be gone first.
        return self._waited_for and self.identity.alive()

    @property
    def _waited_for(self) -> bool:
        return self.child is None or self.child.pid != self.identity.pid

    def exit_code(self) -> int | None:
        """Return the exit code of a part that has ended, if we started it."""
        return None if self.child is None else self.child.poll()

    def wait_for_child(self) -> ProcessIdentity:
        """Return the process that this one starts, as soon as it does. Raises ClusterFailed."""
        deadline = time.monotonic() + CHILD_SECONDS
        while self.alive() and time.monotonic() < deadline:
            found = only_child(self.identity.pid)
            if found is not None:
                return found
            time.sleep(POLL_SECONDS)
        raise ended_early(self.name, self.exit_code(), self.log)

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal; return whether it was there."""
        sent = self.identity.send(number)
        if self.child is not None and self._waited_for and number in FOR_BOTH:
            # nsenter stops itself with what it waits for, and would never see its end.
            self.child.send_signal(number)
        return sent

    def wait_gone(self, seconds: float) -> bool:
        """Wait at most so long until it has ended; return whether it has."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def end(self, *, grace_seconds: float = 0.0) -> None:
        """End it: ask, wait for the grace, then kill. Raises ClusterFailed if it stays."""
        if grace_seconds > 0:
            self.send(signal.SIGTERM)
            if self.wait_gone(grace_seconds):
                return
        self.send(signal.SIGKILL)
        if not self.wait_gone(10.0):
            raise ClusterFailed(
                f"{self.name} does not end",
                f"process {self.identity.pid}",
                "look at it with `ps`; a process in state D waits for a disk or a file server",
            )


def launch(
    name: str,
    command: Sequence[str],
    log: Path,
    *,
    group: int | None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Part:
    """Start a process whose output is appended to `log`.

    With a `group` (of a Keeper) it ends with us; without one it gets a session of its own and
    lives until somebody ends it. Raises ClusterFailed if it cannot be started.
    """
    try:
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - starting programs is what this is for
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=directory,
                process_group=group,
                start_new_session=group is None,
            )
    except OSError as error:
        raise ClusterFailed(
            f"{name} cannot be started: {error.strerror}",
            str(command[0]),
            "check that the file is there and may be executed on this machine",
        ) from error
    # It may have ended already: nobody has taken its exit code yet, so the pid is still its own.
    identity = ProcessIdentity.of(child.pid, ended_too=True)
    if identity is None:
        raise ended_early(name, child.wait(), log)
    return Part(name, identity, log, child)


def ended_early(name: str, code: int | None, log: Path) -> ClusterFailed:
    """Return the error for a part that ended by itself, with the end of its log."""
    tail = "\n    ".join(log_tail(log))
    ending = "" if code is None else f" with exit code {code}"
    return ClusterFailed(
        f"{name} ended{ending}; its last lines:\n    {tail}",
        str(log),
        "read the log; if it names a flag, the binary found is of another Kubernetes version",
    )


def log_tail(log: Path) -> list[str]:
    """Return the last lines of a log, each cut to 300 characters."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line[:300] for line in text.splitlines()[-LOG_TAIL_LINES:]]
