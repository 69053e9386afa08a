"""What goes wrong is told in three lines; a traceback comes only if it is asked for."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from ebbflow.adapters.kube.connection import NoCluster
from ebbflow.cli import commands
from ebbflow.cli.commands import Commands
from ebbflow.cli.options import FAILURE, debug_option
from ebbflow.cli.problem import Problem, explain
from ebbflow.domain.document import InvalidDocument
from ebbflow.domain.git import AddressNotAllowed, Unreachable
from ebbflow.domain.ports import ClusterError, InvalidObject, StaleWrite


@pytest.mark.parametrize(
    ("error", "what", "where"),
    [
        pytest.param(
            ClusterError("cannot create runs: not you (HTTP 403)", code=403),
            "cannot create runs",
            "not you (HTTP 403)",
            id="forbidden",
        ),
        pytest.param(ClusterError("cannot x: no answer", code=0), "cannot x", "no answer", id="0"),
        pytest.param(ClusterError("cannot x: y", code=401), "cannot x", "y", id="401"),
        pytest.param(ClusterError("cannot x: y", code=404), "cannot x", "y", id="404"),
        pytest.param(ClusterError("cannot x: y", code=422), "cannot x", "y", id="422"),
        pytest.param(ClusterError("cannot x: y", code=503), "cannot x", "y", id="503"),
        pytest.param(StaleWrite("cannot x: y", code=409), "cannot x", "y", id="409"),
        pytest.param(NoCluster("no cluster\n  here\n  do this"), "no cluster", "here", id="none"),
        pytest.param(
            InvalidObject("spec.x: odd"),
            "an object does not look as this ebbflow expects",
            "spec.x: odd",
            id="odd object",
        ),
        pytest.param(
            InvalidDocument("odd", line=3), "the document is not valid", "line 3", id="document"
        ),
        pytest.param(
            AddressNotAllowed("http://x"), "Git may not be read there", "http://x", id="http"
        ),
        pytest.param(Unreachable("x is away"), "Git cannot be read", "x is away", id="git"),
        pytest.param(
            FileNotFoundError(2, "No such file", "a"), "cannot use a", "No such", id="file"
        ),
    ],
)
def test_an_error_says_what_where_and_what_to_do(error: Exception, what: str, where: str) -> None:
    problem = explain(error)
    assert problem is not None
    lines = str(problem).splitlines()
    assert len(lines) == 3
    assert lines[0] == what
    assert lines[1].startswith(f"  {where}")


def test_a_problem_explains_itself_and_others_nobody_thought_of() -> None:
    problem = Problem("a", "b", "c")
    assert explain(problem) is problem
    assert str(Problem("a")) == "a"
    assert explain(KeyError("x")) is None


@click.group(cls=Commands)
@debug_option
def broken() -> None:
    """Stand in for the program."""


@click.command()
@debug_option
def fails() -> None:
    raise KeyError("surprise")


@click.command()
def troubled() -> None:
    click.get_current_context().meta[FAILURE] = 2
    raise Problem("no", "here", "do")


@click.command()
def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _two_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"fails": fails, "troubled": troubled, "interrupted": interrupted}
    table = {name: (f"{__name__}:{name}", "x") for name in found}
    monkeypatch.setattr(commands, "COMMANDS", table)
    monkeypatch.setattr(Commands, "get_command", lambda _self, _ctx, name: found[name])


def test_an_error_that_nobody_thought_of_asks_for_a_report() -> None:
    done = CliRunner().invoke(broken, ["fails"])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "ebbflow: an error that nobody thought of: KeyError",
        "  'surprise'",
        "  run the command again with --debug, and report what it shows",
    ]


@pytest.mark.parametrize("arguments", [["--debug", "fails"], ["fails", "--debug"]], ids=str)
def test_with_debug_the_error_itself_comes_out(arguments: list[str]) -> None:
    assert isinstance(CliRunner().invoke(broken, arguments).exception, KeyError)


def test_a_command_can_have_an_exit_code_of_its_own_for_trouble() -> None:
    done = CliRunner().invoke(broken, ["troubled"])
    assert (done.exit_code, done.stderr) == (2, "ebbflow: no\n  here\n  do\n")


def test_ctrl_c_ends_with_the_code_of_shells_and_no_traceback() -> None:
    done = CliRunner().invoke(broken, ["interrupted"])
    assert (done.exit_code, done.output.strip()) == (130, "")
