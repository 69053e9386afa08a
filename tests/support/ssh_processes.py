"""What the operator's ssh looks like from outside while it runs, and what lies on disk."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path

from tests.support.waiting import eventually


def children_named(name: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, rest = path.read_text().rpartition(")")
            if head.endswith(f"({name}") and int(rest.split()[1]) == os.getpid():
                found.append(int(path.parent.name))
    return found


def below(directory: Path, pattern: str) -> list[Path]:
    return list(directory.rglob(pattern))


def release(path: Path) -> None:
    path.touch()


@dataclasses.dataclass(frozen=True)
class RunningSsh:
    key_mode: int
    directory_mode: int
    command_line: bytes
    environment: bytes


def look_at_running_ssh(workspace: Path) -> RunningSsh:
    key = eventually(lambda: below(workspace, "ssh-*/key"), 20, "a key on disk")[0]
    pid = eventually(lambda: children_named("ssh"), 20, "ssh to run")[0]
    return RunningSsh(
        key.stat().st_mode & 0o777,
        key.parent.stat().st_mode & 0o777,
        eventually(Path(f"/proc/{pid}/cmdline").read_bytes, 20, "a command line"),
        Path(f"/proc/{pid}/environ").read_bytes(),
    )
