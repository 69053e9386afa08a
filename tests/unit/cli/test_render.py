"""`ebbflow render`: what is known before a run is put in, and no secret is ever shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ebbflow.cli.commands import ebbflow
from ebbflow.cli.rendering import rendered

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def leaf(value: Any, **document: Any) -> Any:
    """Return what becomes of a value in the spec of a node."""
    step = {"kind": "Manifest", "spec": {"manifest": {"x": value}}}
    whole = {"spec": {"kind": "Workflow", "spec": {"steps": [step]}}, **document}
    out = rendered(whole, {}, NOW)
    return out["spec"]["spec"]["steps"][0]["spec"]["manifest"]["x"]


ARGUMENTS = {"A": "one", "N": 2, "S": "${secrets.db.values.password}"}


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        pytest.param("${args.A}-x", "one-x", id="argument"),
        pytest.param("${args.N}", 2, id="type stays"),
        pytest.param("${refs.a.uid}", "${refs.a.uid}", id="output stays"),
        pytest.param("${args.A}/${refs.a.uid}", "one/${refs.a.uid}", id="both"),
        pytest.param("${loop.item}${fn.toUpper(args.A)}", "${loop.item}ONE", id="loop"),
        pytest.param("${secrets.db.values.password}", "(secret)", id="secret"),
        pytest.param("dsn=${args.S}", "(secret)", id="secret in a text"),
        pytest.param("${args.S}@${refs.a.host}", "(secret)@${refs.a.host}", id="secret and output"),
        pytest.param("${{secrets.db.values.k}}", "${{secrets.db.values.k}}", id="reference"),
        pytest.param("${fn.randomSecret(16, 'hex')}", "(secret)", id="random"),
        pytest.param("${fn.add(args.S, 1)}", "${fn.add(args.S, 1)}", id="needs the secret"),
        pytest.param("\\${args.A}", "${args.A}", id="escaped"),
    ],
)
def test_a_string_becomes(text: str, becomes: Any) -> None:
    assert leaf(text, arguments=ARGUMENTS) == becomes


def test_what_is_made_of_sensitive_arguments_is_masked_too() -> None:
    document = {
        "arguments": {"PIN": 1234, "TWICE": "${fn.multiply(args.PIN, 2)}"},
        "sensitiveArguments": ["PIN"],
    }
    assert rendered(document, {}, NOW)["arguments"] == {"PIN": "(secret)", "TWICE": "(secret)"}


def test_a_document_inside_of_a_document_is_left_for_its_own_run() -> None:
    inner = {"kind": "Template", "spec": {"document": {"arguments": {"X": "${args.OTHER}"}}}}
    assert leaf(inner, arguments=ARGUMENTS) == inner


def test_a_file_is_rendered_with_arguments_of_the_command(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(
        "apiVersion: ebbflow.dev/v1\narguments: {A: one, B: '${args.A}!'}\n"
        "spec: {kind: Workflow, spec: {type: sequential, steps: []}}\n"
    )
    done = CliRunner().invoke(
        ebbflow, ["render", str(file), "--arg", "A=two", "--arg-json", "B=[1]", "-o", "json"]
    )
    assert json.loads(done.stdout)["arguments"] == {"A": "two", "B": [1]}


def test_a_fault_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("apiVersion: ebbflow.dev/v1\narguments: {A: '${args.B}'}\nspec: {}\n")
    done = CliRunner().invoke(ebbflow, ["render", str(file)])
    assert done.exit_code == 1
    assert f"  {file}:" in done.stderr
    assert len(done.stderr.splitlines()) == 3
