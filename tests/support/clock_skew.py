"""A wall clock that can be set for one process: built from C, and preloaded into it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.tools import need

SOURCE = Path(__file__).with_name("clock_skew.c")
BUILD_SECONDS = 60


class SkewedClock:
    """The wall clock of the processes that get `environment`; needs a C compiler.

    Their other clocks go on as they are, as when somebody sets the time of a machine.
    """

    def __init__(self, directory: Path) -> None:
        need("cc", "install a C compiler, such as gcc")
        library = directory / "clock_skew.so"
        compiler = shutil.which("cc") or "cc"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"],
            check=True,
            capture_output=True,
            timeout=BUILD_SECONDS,
        )
        self._file = directory / "skew"
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SKEW_FILE": str(self._file)}

    def set(self, seconds: int) -> None:
        """Set the clock to this many seconds after the real time (negative: before)."""
        # At once and whole: a reader must not see an empty file.
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds), encoding="ascii")
        new.replace(self._file)
