"""A program that is missing skips a test, but never on CI."""

from __future__ import annotations

import pytest

from tests.support.tools import need


@pytest.fixture
def nothing_on_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("nothing_on_path")
@pytest.mark.parametrize("ci", ["true", "1", "TRUE"])
def test_a_missing_program_fails_on_ci(monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.fail.Exception, match="git is not on PATH: install it"):
        need("git", "install it")


@pytest.mark.usefixtures("nothing_on_path")
@pytest.mark.parametrize("ci", ["", "0", "false"])
def test_a_missing_program_skips_elsewhere(monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match="git is not on PATH: install it"):
        need("git", "install it")


def test_a_program_that_is_there_is_given(nothing_on_path):
    program = nothing_on_path / "git"
    program.touch(mode=0o700)
    assert need("git", "install it") == program
