"""Which process a pid means: a pid alone is recycled, a pid with its start time is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process for all time: its pid and an opaque mark of when it started."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int, *, ended_too: bool = False) -> Self | None:
        """Return the identity of the process `pid`; None if it is gone.

        A zombie (ended, but nobody took its exit code) counts as gone unless `ended_too`.
        """
        read = _state_from_proc if PROC.is_dir() else _state_from_ps
        state = read(pid)
        if state is None or (state.ended and not ended_too):
            return None
        return cls(pid, state.started)

    def alive(self) -> bool:
        """Tell whether this very process still runs (a zombie does not)."""
        return ProcessIdentity.of(self.pid) == self

    def stopped(self) -> bool:
        """Tell whether every thread of it has come to rest after SIGSTOP.

        That takes a moment after the signal: a running thread first has to leave its processor.
        """
        if not PROC.is_dir():
            state = _state_from_ps(self.pid)
            return state is not None and state.letter == "T"
        threads = (PROC / str(self.pid) / "task").glob("*/stat")
        states = [_state_from_stat(thread) for thread in threads]
        return bool(states) and all(state is None or state.letter == "T" for state in states)

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to this very process, never to another of the same pid.

        Returns whether it was there. Raises PermissionError if it belongs to another user.
        """
        try:
            if sys.platform == "linux":
                return self._send_by_handle(number)
            if not self.alive():
                return False
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def _send_by_handle(self, number: signal.Signals) -> bool:
        # The handle is taken first and the start time read after: from then on the handle cannot
        # come to mean another process.
        handle = os.pidfd_open(self.pid)
        try:
            if not self.alive():
                return False
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
        return True

    def save(self, file: Path) -> None:
        """Write a pid file, whole or not at all."""
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps({"pid": self.pid, "started": self.started}) + "\n")
        draft.replace(file)

    @classmethod
    def load(cls, file: Path) -> Self | None:
        """Read a pid file; None if it is missing or not one."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            read = json.loads(file.read_text())
            return cls(int(read["pid"]), str(read["started"]))
        return None


def only_child(pid: int) -> ProcessIdentity | None:
    """Return the first process that a process with one thread has started; Linux only."""
    with suppress(OSError, IndexError):
        return ProcessIdentity.of(int((PROC / f"{pid}/task/{pid}/children").read_text().split()[0]))
    return None


@dataclass(frozen=True, slots=True)
class _State:
    letter: str
    started: str
    threads: int

    @property
    def ended(self) -> bool:
        # The first thread may be a zombie while others still hold the ports of the process.
        return self.letter in "ZX" and self.threads <= 1


def _state_from_proc(pid: int) -> _State | None:
    return _state_from_stat(PROC / str(pid) / "stat")


def _state_from_stat(file: Path) -> _State | None:
    """Read state, start time (clock ticks since boot, with the boot's id), number of threads.

    They are fields 3, 22 and 20 (proc_pid_stat(5)).
    """
    try:
        stat = file.read_text()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses; what follows the last one is regular.
    fields = stat.rpartition(")")[2].split()
    return _State(fields[0], f"{boot}/{fields[19]}", int(fields[17]))


def _state_from_ps(pid: int) -> _State | None:
    """Ask ps(1), where there is no /proc."""
    shown = subprocess.run(  # noqa: S603 - a fixed program and a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
        env={"LC_ALL": "C", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = shown.stdout.strip().partition(" ")
    return _State(state[:1], started.strip(), 1) if started else None
