"""What is made from the models is committed, and hack/generate.py says what differs."""

from __future__ import annotations

import importlib
import re
import shutil
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import ebbflow
from ebbflow.api.base import JsonObject
from ebbflow.api.kinds import KINDS
from ebbflow.api.reasons import Reason

ROOT = Path(__file__).parents[2]


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "hack"))
    return importlib.import_module("generate")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in ("crds", "helm", "deploy", "docs", "tests/support/examples"):
        shutil.copytree(ROOT / part, tmp_path / part)
    return tmp_path


def test_everything_generated_is_committed_as_the_models_say(generate, capsys):
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


MADE = (
    "crds/templates.yaml",
    "deploy/ebbflow.yaml",
    "docs/reference/reasons.md",
    "helm/ebbflow/README.md",
    "helm/ebbflow/resources/rbac.yaml",
)


def test_files_that_differ_are_named_and_written_anew(generate, copy: Path, capsys):
    good = {path: (copy / path).read_text() for path in MADE}
    for path, text in good.items():
        changed = text.replace("| `", "| ~`") if path.endswith("md") else f"{text}# changed\n"
        (copy / path).write_text(changed)
    assert generate.main(["--check"], copy) == 1
    named = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert named == sorted(MADE)
    assert generate.main([], copy) == 0
    assert {path: (copy / path).read_text() for path in MADE} == good


def test_a_file_that_is_missing_or_no_longer_made_is_named(generate, copy: Path, capsys):
    (copy / "crds/gitaccounts.yaml").unlink()
    (copy / "crds/gone.yaml").write_text("old\n")
    assert generate.main(["--check"], copy) == 1
    said = capsys.readouterr().err
    assert "crds/gitaccounts.yaml" in said
    assert "crds/gone.yaml" in said
    generate.main([], copy)
    assert not (copy / "crds/gone.yaml").exists()


def test_a_page_without_a_place_for_its_table_is_named(generate, copy: Path):
    (copy / "docs/reference/rbac.md").write_text("# Rights\n")
    with pytest.raises(SystemExit, match=r"rbac\.md: no place for table ebbflow-admin"):
        generate.main(["--check"], copy)


def test_the_chart_speaks_of_this_version_and_these_kinds():
    chart = yaml.safe_load((ROOT / "helm/ebbflow/Chart.yaml").read_text())
    assert chart["appVersion"] == chart["version"] == ebbflow.__version__
    listed = yaml.safe_load(chart["annotations"]["artifacthub.io/crds"])
    assert [entry["name"] for entry in listed] == [
        f"{kind.declaration.plural}.ebbflow.dev" for kind in KINDS
    ]
    license_name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    assert chart["annotations"]["artifacthub.io/license"] == license_name


def examples(kind: type) -> list[JsonObject]:
    text = (ROOT / "helm/ebbflow/Chart.yaml").read_text()
    documents = yaml.safe_load(yaml.safe_load(text)["annotations"]["artifacthub.io/crdsExamples"])
    return [one for one in documents if one["kind"] == kind.declaration.kind]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.declaration.kind)
def test_the_charts_examples_are_valid(kind):
    (example,) = examples(kind)
    assert kind.parse(example).metadata.name


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_every_reason_is_one_word_and_says_what_to_do(reason: Reason):
    assert re.fullmatch(r"[A-Z][A-Za-z]+", reason.value)
    assert reason.help.endswith(".")
    assert f"| `{reason.value}` |" in (ROOT / "docs/reference/reasons.md").read_text()


KUBERNETES_OWN = {'reason": "Forbidden"'}
"""The reason of a ValidatingAdmissionPolicy's refusal: metav1.StatusReason, not a condition's."""


def set_in_the_operator() -> set[Reason]:
    """Return the reasons that the code of the operator names, beside their declaration."""
    source = ROOT / "operator/ebbflow"
    texts = [file.read_text() for file in source.rglob("*.py") if file.name != "reasons.py"]
    named = {name for text in texts for name in re.findall(r"\bReason\.([A-Z_]+)\b", text)}
    return {Reason[name] for name in named}


def test_every_reason_that_is_listed_is_set_somewhere():
    assert set(Reason) - set_in_the_operator() == set()


def test_no_reason_is_a_text_that_is_not_listed():
    """Conditions, events and Runs are made by functions that take a Reason; mypy sees to that."""
    text = re.compile(r"\breason(?: = |=|\": )f?\"[A-Z][A-Za-z]+\"")
    for file in (ROOT / "operator/ebbflow").rglob("*.py"):
        assert set(text.findall(file.read_text())) <= KUBERNETES_OWN, file.name
