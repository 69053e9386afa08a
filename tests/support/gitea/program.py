"""The Gitea server as a program: built once from its Go module, and kept as the cluster's are.

`python -m tests.support.gitea.program` finds or builds it and prints where it is.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ebbflow.devcluster.binaries import obtain
from ebbflow.devcluster.build import Recipe
from ebbflow.devcluster.programs import Program
from ebbflow.devcluster.progress import say_on_stderr
from tests.support.module_files import module_files

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
    return Gitea(program, module_files(recipe, FILES))


if __name__ == "__main__":
    sys.stdout.write(f"{locate_gitea().program}\n")
