"""`ebbflow` as a person calls it, in this process; and on a terminal, as a process of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from ebbflow.cli.commands import ebbflow

WIDE = "200"
TERMINAL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Standard output, line by line."""
        return self.out.splitlines()

    def json(self) -> Any:
        """What standard output holds."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Calls commands against one namespace."""

    kubeconfig: Path
    namespace: str

    def __call__(self, *arguments: str, code: int = 0, namespace: str | None = None) -> Said:
        """Call a command that must end with this code; -n is added unless it is ""."""
        place = self.namespace if namespace is None else namespace
        where = ("-n", place) if place else ()
        env = {"KUBECONFIG": str(self.kubeconfig), "COLUMNS": WIDE}
        done = CliRunner().invoke(ebbflow, [*arguments, *where], env=env, prog_name="ebbflow")
        said = Said(done.exit_code, done.stdout, done.stderr)
        assert said.code == code, f"{arguments} ended with {said.code}: {said.out}{said.err}"
        return said

    def on_a_terminal(self, *arguments: str, until: Callable[[str], bool] | None = None) -> Said:
        """Run a command on a terminal of its own; all that it wrote there, and how it ended.

        `until` is asked about what was written so far, again and again, while the command runs.
        """
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "ebbflow", *arguments, "-n", self.namespace]
        env = os.environ | {"KUBECONFIG": str(self.kubeconfig), "TERM": "xterm", "COLUMNS": "120"}
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as run:
            os.close(theirs)
            try:
                written = _read(ours, until or (lambda _: False))
                return Said(run.wait(TERMINAL_SECONDS), written, "")
            finally:
                run.kill()
                os.close(ours)


def _read(terminal: int, until: Callable[[str], bool]) -> str:
    """Read until the other side closes the terminal."""
    written = b""
    end = time.monotonic() + TERMINAL_SECONDS
    while time.monotonic() < end:
        until(written.decode(errors="replace"))
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # what Linux says when the last writer has gone
            break
        if not chunk:
            break
        written += chunk
    return written.decode(errors="replace")
