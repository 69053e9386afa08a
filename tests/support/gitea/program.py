"""The Gitea server as a program: built once from its Go module, and kept as the cluster's are.

`python -m tests.support.gitea.program` finds or builds it and prints where it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ebbflow.devcluster.binaries import obtain
from ebbflow.devcluster.build import Recipe, build_environment, cache_dir
from ebbflow.devcluster.locking import exclusive
from ebbflow.devcluster.programs import Program
from ebbflow.devcluster.progress import say_on_stderr
from ebbflow.devcluster.toolchain import go_from_wheel, go_on_path

BUILD_SECONDS = 900
"""How long the first test that needs it may take."""

MODULE = Path(__file__).with_name("module")
GITEA = Program(
    "gitea",
    ".",
    "code.gitea.io/gitea",
    (),
    "Gitea {version}",
    "2 to 5 minutes",
    (("main.version", "{version}"),),
    ("sqlite", "sqlite_unlock_notify"),
)
FILES = ("options", "templates", "public")
"""Directories of its module that it reads as it runs."""


@dataclass(frozen=True, slots=True)
class Gitea:
    """Where the program is, and the files that it reads."""

    program: Path
    files: Path


def locate_gitea() -> Gitea:
    """Return the program, built first if need be. Raises DevClusterError."""
    recipe = Recipe.read(GITEA, MODULE)
    program = obtain(recipe, (GITEA.name,), os.environ, say_on_stderr).path(GITEA.name)
    files = cache_dir(os.environ, GITEA) / f"{recipe.key()}.files"
    with exclusive(files.with_suffix(".lock"), lambda _: None):
        if not files.exists():
            _copy_files(recipe, files)
    return Gitea(program, files)


def _copy_files(recipe: Recipe, target: Path) -> None:
    # The build throws its modules away where it had to get Go for itself.
    work = target.with_suffix(".work")
    go = go_on_path(recipe.go_version, os.environ) or go_from_wheel(
        recipe.go_version, work / "go", os.environ, say_on_stderr
    )
    told = subprocess.run(
        [go.command, "mod", "download", "-json", GITEA.versioned],
        cwd=MODULE,
        env=build_environment(recipe, go, work, os.environ),
        check=True,
        capture_output=True,
    )
    module = Path(json.loads(told.stdout)["Dir"])
    draft = target.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    for name in FILES:
        shutil.copytree(module / name, draft / name)
    draft.rename(target)
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.stdout.write(f"{locate_gitea().program}\n")
