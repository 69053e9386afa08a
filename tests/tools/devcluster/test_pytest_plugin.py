"""The pytest plugin costs nothing until it is used, and a missing toolchain is never hidden in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MISSING = """\
import pytest
from ebbflow.devcluster import binaries
from ebbflow.devcluster.trouble import ToolchainMissing

def nothing(*_, **__):
    raise ToolchainMissing("There is no Go", "PATH", "install Go")

binaries.locate = nothing
"""
USES_IT = "def test_something(ebbflow_cluster):\n    assert ebbflow_cluster.url\n"
USES_IT_NOT = "def test_something():\n    pass\n"


def run_pytest(
    directory: Path, test: str, *options: str, ci: str | None
) -> subprocess.CompletedProcess[str]:
    (directory / "conftest.py").write_text(MISSING)
    (directory / "test_it.py").write_text(test)
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    # Only the plugin under test: every other one that is installed would take its time to load.
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | ({} if ci is None else {"CI": ci})
    plugins = ["-p", "ebbflow.devcluster.pytest_plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-rs", *options, "test_it.py"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_loading_the_plugin_loads_nothing_of_the_cluster() -> None:
    script = (
        "import pytest, sys; before = set(sys.modules);"
        "import ebbflow.devcluster.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == str(
        ["ebbflow", "ebbflow.devcluster", "ebbflow.devcluster.pytest_plugin"]
    )


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [
        pytest.param(None, "1 skipped", id="elsewhere-it-is-skipped"),
        pytest.param("false", "1 skipped", id="ci-false-is-no-ci"),
        pytest.param("true", "1 error", id="in-ci-it-fails"),
    ],
)
def test_a_missing_toolchain(tmp_path: Path, ci: str | None, outcome: str) -> None:
    done = run_pytest(tmp_path, USES_IT, ci=ci)

    assert outcome in done.stdout, done.stdout + done.stderr
    assert "There is no Go" in done.stdout


def test_nothing_is_looked_for_when_no_test_needs_it(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, USES_IT_NOT, ci="true")

    assert "1 passed" in done.stdout
    assert "There is no Go" not in done.stdout + done.stderr


def test_nothing_is_looked_for_when_tests_are_only_collected(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, USES_IT, "--collect-only", ci="true")

    assert "1 test collected" in done.stdout
    assert "There is no Go" not in done.stdout + done.stderr
