"""`ebbflow lint`: every fault with its line and column, for people, programs and CI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebbflow.cli.commands import ebbflow

GOOD = """\
apiVersion: ebbflow.dev/v1
arguments: {NAME: shop}
spec:
  kind: Workflow
  spec:
    type: sequential
    steps:
    - kind: Delay
      ref: pause
      when: "args.NAME == 'shop'"
      spec: {duration: 1s}
"""


def lint(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(ebbflow, ["lint", *arguments], input=stdin)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("  kind: Workflow", "  kind: Workflow\n  kind: x", "5:3:", id="syntax"),
        pytest.param("kind: Delay", "kind: Delaay", "8:13:", id="structure"),
        pytest.param("duration: 1s", "duration: '${args.NAMX}'", "11:27:", id="expression"),
        pytest.param("== 'shop'", "== ", "10:27:", id="condition"),
        pytest.param("args.NAME ==", "arg.NAME ==", "10:14:", id="variable"),
        pytest.param("duration: 1s", "duratoin: 1s", "11:24:", id="spec"),
    ],
)
def test_a_fault_is_named_by_line_and_column(
    old: str, new: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(GOOD.replace(old, new))
    done = lint(str(file))
    assert done.exit_code == 1
    places = [line.removeprefix(f"{file}:") for line in done.stdout.splitlines()]
    assert any(place.startswith(expected) for place in places), done.stdout


def test_a_good_file_and_standard_input_are_quiet(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(GOOD)
    done = lint(str(tmp_path / "shop.yaml"))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no problems in 1 file" in done.stderr
    assert lint("-", stdin=GOOD).exit_code == 0


def test_what_has_no_effect_here_is_a_warning_at_its_key(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(GOOD.replace("arguments:", "gitops: {repoUrl: x}\narguments:"))
    done = lint(str(file))
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{file}:2:1: warning: gitops in the document is ignored")
    assert "spec.git" in done.stdout


def test_a_directory_is_searched_for_documents_and_hidden_ones_are_left_out(
    tmp_path: Path,
) -> None:
    for name in ("a.yaml", "deep/b.yml", "deep/c.json", ".github/d.yaml", "README.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("nothing: 1\n" if path.suffix != ".json" else '{"nothing": 1}')
    done = lint(str(tmp_path), "-o", "json")
    faults = json.loads(done.stdout)
    names = {Path(fault["file"]).relative_to(tmp_path).as_posix() for fault in faults}
    assert names == {"a.yaml", "deep/b.yml", "deep/c.json"}
    assert all(fault["line"] >= 1 and fault["severity"] == "error" for fault in faults)


def test_annotations_are_escaped_as_github_wants(tmp_path: Path) -> None:
    file = tmp_path / "a,b.yaml"
    file.write_text(GOOD.replace("duration: 1s", "'100%': 1s"))
    done = lint("-o", "github", str(file))
    assert "a%2Cb.yaml,line=11,col=" in done.stdout
    assert "100%25" in done.stdout
    assert all(line.startswith("::error file=") for line in done.stdout.splitlines())


def test_a_file_that_is_not_there_is_trouble() -> None:
    done = lint("/nowhere/shop.yaml")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[0] == "ebbflow: cannot read /nowhere/shop.yaml"
