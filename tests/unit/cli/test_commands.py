"""The command line as a whole: quick help, the version, and what it says to a wrong word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebbflow import __version__
from ebbflow.cli.commands import COMMANDS, ebbflow

PATIENCE = 120.0
"""Seconds for a process of its own, on a machine that is busy."""


def test_help_lists_every_command_with_a_sentence() -> None:
    shown = CliRunner().invoke(ebbflow, ["--help"])
    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    assert [
        name for name, (_, sentence) in COMMANDS.items() if f"{name} {sentence}" not in text
    ] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_explains_itself(name: str) -> None:
    shown = CliRunner().invoke(ebbflow, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith(f"Usage: ebbflow {name}")


@pytest.mark.parametrize(
    "name", sorted(COMMANDS.keys() - {"completion", "demo", "operator", "version", "webhook"})
)
def test_what_can_meet_an_error_takes_debug_behind_its_name(name: str) -> None:
    assert "--debug" in CliRunner().invoke(ebbflow, [name, "--help"]).output


@pytest.mark.parametrize("arguments", [["version"], ["--version"]], ids=str)
def test_the_version_is_told(arguments: list[str]) -> None:
    shown = CliRunner().invoke(ebbflow, arguments)
    assert (shown.exit_code, shown.output.split()[-1]) == (0, __version__)


def test_an_unknown_command_is_named_and_ends_with_2() -> None:
    shown = CliRunner().invoke(ebbflow, ["operatr"])
    assert shown.exit_code == 2
    assert "No such command 'operatr'" in shown.output


def test_python_dash_m_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ebbflow", "version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout.strip() == __version__


def test_whoever_stops_reading_ends_the_command_without_a_word() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-m", "ebbflow", "install", "--export"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
        timeout=PATIENCE,
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--url", "hooks.dev"], "does not begin with http://", id="no-scheme"),
        pytest.param(["--branch", "x"], "--branch is for --repository", id="branch-of-nothing"),
    ],
)
def test_a_delivery_that_cannot_be_meant_so_is_wrong_usage(
    arguments: list[str], words: str
) -> None:
    shown = CliRunner().invoke(ebbflow, ["webhook", "test", "acme", *arguments])
    assert (shown.exit_code, words in shown.output) == (2, True)


def test_a_kubeconfig_that_is_missing_is_told_once_and_in_three_lines(tmp_path: Path) -> None:
    missing = tmp_path / "config"
    done = subprocess.run(
        [sys.executable, "-m", "ebbflow", "runs"],
        env=os.environ | {"KUBECONFIG": str(missing)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "ebbflow: no cluster",
        f"  cannot use {missing}: there is no such file",
        "  correct it, or set KUBECONFIG to another file",
    ]
