"""Arguments of documents on the command line, and how objects are printed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from ebbflow.api.template import Template
from ebbflow.cli.arguments import argument_from_option, argument_options
from ebbflow.cli.commands import ebbflow
from ebbflow.cli.differences import document_changes
from ebbflow.cli.output import elapsed, full_name, harmless
from ebbflow.cli.problem import Problem
from ebbflow.cli.starting import Request, check_names, run_name
from tests.support.builders import template


@click.command()
@argument_options
@argument_from_option
def echo(**given: Any) -> None:
    click.echo(repr({**dict(given["arg"]), **dict(given["arg_json"]), **dict(given["arg_from"])}))


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        pytest.param(["--arg", "A=b=c"], {"A": "b=c"}, id="text with an equals sign"),
        pytest.param(["--arg", "A="], {"A": ""}, id="empty"),
        pytest.param(["--arg-json", 'A={"b": [1]}'], {"A": {"b": [1]}}, id="json"),
        pytest.param(
            ["--arg-from", "A=secret/s.x:k"],
            {"A": {"secretKeyRef": {"name": "s.x", "key": "k"}}},
            id="secret",
        ),
        pytest.param(
            ["--arg-from", "A=configmap/c:k"],
            {"A": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            id="config map",
        ),
    ],
)
def test_an_argument_is_read(arguments: list[str], value: dict[str, Any]) -> None:
    assert CliRunner().invoke(echo, arguments).stdout == f"{value!r}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--arg", "A"],
        ["--arg", "=b"],
        ["--arg-json", "A={"],
        ["--arg-from", "A=hunter2"],
        ["--arg-from", "A=secret/hunter2"],
        ["--arg-from", "A=secret/:hunter2"],
    ],
    ids=str,
)
def test_a_wrong_argument_is_a_usage_error_that_repeats_no_secret(arguments: list[str]) -> None:
    done = CliRunner().invoke(echo, arguments)
    assert done.exit_code == 2
    assert "hunter2" not in done.stderr


def test_the_spec_of_a_run_holds_only_what_was_asked_for() -> None:
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    assert Request("shop", {}, {}).spec() == {"source": {"kind": "Template", "name": "shop"}}
    assert Request("shop", {"A": 1}, {"B": source}, dry_run=True, reason="why").spec() == {
        "source": {"kind": "Template", "name": "shop"},
        "arguments": {"A": 1},
        "argumentsFrom": [{"name": "B", "valueFrom": source}],
        "dryRun": True,
        "reason": "why",
    }


@pytest.mark.parametrize("name", ["shop", "s" * 52, "s" * 45 + "-x"], ids=len)
def test_a_run_s_name_leaves_room_for_the_random_part(name: str) -> None:
    begin = run_name(name)
    assert begin.endswith("-")
    assert not begin.endswith("--")
    assert len(begin) + 5 <= 52


def test_only_arguments_that_the_document_or_an_override_names_are_taken() -> None:
    built = template("shop").within("team").holding({"arguments": {"A": ""}})
    shop = Template.parse(built.spec(argumentOverrides=[{"name": "B", "value": 1}]).build())
    check_names(shop, ["A", "B"])
    with pytest.raises(Problem, match="there is no argument"):
        check_names(shop, ["C"])


def test_differences_of_documents_are_told_by_field_and_hide_secrets() -> None:
    before = {"arguments": {"A": "1", "PIN": "1234", "T": "x"}, "sensitiveArguments": ["PIN"]}
    token = "ghp_" + "a" * 36
    after = {**before, "arguments": {"A": "2", "PIN": "4321", "T": token}}
    fields, more = document_changes(before, after)
    assert [(field.path, field.before, field.after) for field in fields] == [
        ("arguments.A", "1", "2"),
        ("arguments.PIN", "(secret)", "(secret)"),
        ("arguments.T", "x", "(secret)"),
    ]
    assert more == 0
    assert document_changes(before, before) == ((), 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5s"),
        (119, "119s"),
        (125, "2m5s"),
        (180, "3m"),
        (700, "11m"),
        (4 * 3600, "4h"),
        (4 * 3600 + 60, "4h1m"),
        (30 * 3600, "30h"),
        (50 * 3600, "2d"),
    ],
    ids=str,
)
def test_ages_are_written_as_kubectl_writes_them(seconds: int, text: str) -> None:
    assert elapsed(timedelta(seconds=seconds)) == text


def test_names_and_texts_are_fit_for_terminals() -> None:
    raw = {"apiVersion": "ebbflow.dev/v1alpha1", "kind": "Run", "metadata": {"name": "a"}}
    assert full_name(raw) == "run.ebbflow.dev/a"
    assert harmless("a\x1b[31m\tb\r\n c\u202e") == "a [31m b c"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_program(shell: str) -> None:
    done = CliRunner().invoke(ebbflow, ["completion", shell], prog_name="ebbflow")
    assert done.exit_code == 0
    assert f"_EBBFLOW_COMPLETE={shell}_complete" in done.stdout


def test_without_a_cluster_completion_of_names_offers_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    complete = ShellComplete(ebbflow, {}, "ebbflow", "_EBBFLOW_COMPLETE")
    assert complete.get_completions(["watch"], "s") == []
    assert [item.value for item in complete.get_completions([], "appr")] == ["approve"]
