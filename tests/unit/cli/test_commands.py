"""The command line starts quickly, and knows its commands."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from ebbflow import __version__
from ebbflow.cli.commands import COMMANDS, ebbflow

SLOW = ("kopf", "kubernetes", "dulwich", "aiohttp", "pydantic")


def test_the_help_lists_every_command_and_loads_nothing_slow() -> None:
    program = (
        "import sys\n"
        "from ebbflow.cli.commands import ebbflow\n"
        "try:\n    ebbflow(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {SLOW!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    *help_text, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    for command in COMMANDS:
        assert any(line.split()[:1] == [command] for line in help_text)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(ebbflow, [command, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(ebbflow, ["version"]).output == f"{__version__}\n"
    assert __version__ in CliRunner().invoke(ebbflow, ["--version"]).output


def test_an_unknown_command_is_named() -> None:
    result = CliRunner().invoke(ebbflow, ["sink"])
    assert result.exit_code == 2
    assert "sink" in result.output
