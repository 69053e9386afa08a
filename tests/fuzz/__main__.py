"""`python -m tests.fuzz NAME [libFuzzer's options]`: look for inputs that break one target.

It is led by which lines an input reaches (atheris), and ends at the first that breaks something;
that input is then in a file crash-…, to be moved into the target's corpus under a name that says
what it is. `python -m tests.fuzz all 60` looks for 60 seconds at each.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile

import atheris

# It names every module that it instruments.
with (
    contextlib.redirect_stderr(io.StringIO()),
    atheris.instrument_imports(include=["ebbflow", "cronsim", "pathspec"]),
):
    from tests.fuzz.all_targets import TARGETS
from tests.fuzz.target import Target

USAGE = 2
LONGEST_INPUT_SECONDS = 10
MEGABYTES = 1024


def fuzz(target: Target, options: list[str]) -> None:
    """Look at one target; never returns."""
    # What is found out on the way goes into the first directory: the committed one stays as it is.
    with tempfile.TemporaryDirectory() as found:
        fixed = [f"-max_len={target.max_bytes}", f"-timeout={LONGEST_INPUT_SECONDS}"]
        fixed += [f"-rss_limit_mb={MEGABYTES}", "-print_final_stats=0", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *fixed, *options, found, str(target.corpus)], target.run)
        atheris.Fuzz()


def fuzz_all(seconds: str) -> int:
    """Look at each target for so many seconds; return how many broke."""
    broken = []
    for target in TARGETS:
        sys.stdout.write(f"==> {target.name}\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", "tests.fuzz", target.name, f"-max_total_time={seconds}"]
        if subprocess.run(command, check=False).returncode != 0:
            broken.append(target.name)
    sys.stdout.write(f"broken: {', '.join(broken) or 'none'}\n")
    return len(broken)


def main(arguments: list[str]) -> int:
    """Run what the command line says."""
    targets = {target.name: target for target in TARGETS}
    match arguments:
        case ["all", seconds]:
            return fuzz_all(seconds)
        case [name, *options] if name in targets:
            fuzz(targets[name], options)
            return 0
        case _:
            sys.stderr.write(f"{__doc__}\ntargets: {', '.join(targets)}\n")
            return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
