"""Run a quiet command and print a dot every two seconds: `with_dots.py COMMAND...`."""

from __future__ import annotations

import subprocess
import sys


def main() -> int:
    """Run the command; returns its exit code."""
    with subprocess.Popen(sys.argv[1:]) as child:  # noqa: S603 - from the Makefile
        dots = False
        while True:
            try:
                code = child.wait(timeout=2)
            except subprocess.TimeoutExpired:
                print(".", end="", flush=True)
                dots = True
                continue
            if dots:
                print(flush=True)
            return code


if __name__ == "__main__":
    raise SystemExit(main())
