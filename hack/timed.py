"""Run a command, say what it is for and how long it took: `timed.py NAME COMMAND...`."""

from __future__ import annotations

import subprocess
import sys
import time


def main() -> int:
    """Run the command; returns its exit code."""
    name, *command = sys.argv[1:]
    print(f"==> {name}", flush=True)
    started = time.monotonic()
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - from the Makefile
    verdict = "ok" if code == 0 else f"FAILED (exit code {code})"
    print(f"<== {name}: {verdict} after {time.monotonic() - started:.1f} s", flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
