"""The chart, rendered by real helm."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "helm/ebbflow"
VALUES = sorted((CHART / "ci").glob("*-values.yaml"))

Json = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm; the test is skipped where there is none."""
    program = shutil.which("helm", path=sysconfig.get_path("scripts")) or shutil.which("helm")
    if program is None:
        pytest.skip("helm is missing: `make` installs it")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def render(*arguments: str, namespace: str = "ebbflow-system", release: str = "ebbflow") -> str:
    """Return what `helm template` makes; the test fails with helm's words."""
    done = helm("template", release, str(CHART), f"--namespace={namespace}", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(rendered: str) -> list[Json]:
    return [document for document in yaml.safe_load_all(rendered) if document]


def only(documents: list[Json], kind: str) -> Json:
    (found,) = (document for document in documents if document["kind"] == kind)
    return found
