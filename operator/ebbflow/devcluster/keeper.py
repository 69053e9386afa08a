"""Ends a group of processes when the process that asked for it ends, however that happens.

Run as a file by `processes.Keeper`, so it imports the standard library only. It leads a process
group of its own. Its standard input is a pipe whose other end only its parent holds: end of file
there means that the parent is gone. Then it kills the whole group, itself included; a child that
left the group before removes the directory named by the first argument, if there is one.

Why not PR_SET_PDEATHSIG: it fires when the *thread* that forked ends, it needs code between fork
and exec (unsafe in a program with threads), and macOS has none.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time

LOOK_AGAIN_SECONDS = 0.5
GONE_WITHIN_SECONDS = 10.0
PAUSE_SECONDS = 0.05
ORDERLY_END = b"."


def wait_for_parent(parent: int) -> bool:
    """Wait until the parent ends or says that it needs no keeper; return whether to kill.

    A program forked from the parent may hold the pipe open longer than the parent lives, so the
    parent's pid is looked at as well.
    """
    while os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], LOOK_AGAIN_SECONDS)
        if ready:
            return os.read(0, 1) != ORDERLY_END
    return True


def remove_all(directory: str) -> None:
    """Remove the directory, again and again while processes that are being killed write to it."""
    deadline = time.monotonic() + GONE_WITHIN_SECONDS
    while os.path.exists(directory) and time.monotonic() < deadline:  # noqa: PTH110 - starts sooner
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(PAUSE_SECONDS)


def leave_cleaner(directory: str) -> None:
    """Fork a process that leaves the group and removes the directory."""
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(tell, b".")
        remove_all(directory)
        os._exit(0)
    # Only a cleaner that has left the group survives what comes next.
    os.read(ready, 1)


def main(arguments: list[str]) -> None:
    """Keep the group: first argument the parent's pid, then the directory to remove, if any."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if not wait_for_parent(int(arguments[0])):
        return
    if len(arguments) > 1:
        leave_cleaner(arguments[1])
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
