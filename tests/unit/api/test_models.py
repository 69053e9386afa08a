"""The table of tests/support/crd_cases.py, held against the models."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ebbflow.api.base import Resource
from ebbflow.api.crd import root_schema
from ebbflow.api.kinds import KINDS
from ebbflow.api.text import VALIDATIONS
from tests.support.crd_cases import CASES, Case
from tests.support.crd_cases_run import CHANGES

MODELS: dict[str, type[Resource]] = {kind.declaration.kind: kind for kind in KINDS}

ACCEPTED = [pytest.param(case, id=case.id) for case in CASES if case.accepted]
REFUSED = [pytest.param(case, id=case.id) for case in CASES if not case.accepted]


def field_path(location: tuple[int | str, ...]) -> str:
    """Return a pydantic location as the API server writes it: spec.argumentOverrides[0].name."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "<root>"


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_model_accepts_what_the_api_accepts(case: Case):
    read = MODELS[case.kind].parse(case.manifest)
    assert read.metadata.name == case.name


@pytest.mark.parametrize("case", REFUSED)
def test_a_model_refuses_what_the_api_refuses_and_names_the_field(case: Case):
    with pytest.raises(ValidationError) as caught:
        MODELS[case.kind].parse(case.manifest)
    errors = [(field_path(error["loc"]), error["msg"]) for error in caught.value.errors()]
    assert any(where.startswith(case.where) for where, _ in errors), errors
    if case.ours:
        assert any(where == case.where and case.says in says for where, says in errors), errors


@pytest.mark.parametrize("case", REFUSED)
def test_the_text_of_a_refusal_never_repeats_the_value(case: Case):
    with pytest.raises(ValidationError) as caught:
        MODELS[case.kind].parse(case.manifest)
    assert "hunter2" not in str(caught.value)
    assert "input_value" not in str(caught.value)


def test_the_table_has_an_identity_for_every_case():
    assert len({case.id for case in CASES}) == len(CASES)


def messages_in(schema: dict) -> set[str]:
    found = {rule["message"] for rule in schema.get(VALIDATIONS, ())}
    children = [*schema.get("properties", {}).values(), schema.get("items", {})]
    return found.union(*(messages_in(child) for child in children if child))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.declaration.kind)
def test_the_table_has_a_refusal_by_every_rule(kind: type[Resource]):
    said = {c.says for c in CASES if c.says and c.ours and c.kind == kind.declaration.kind}
    said |= {change.says for change in CHANGES if change.says}
    untested = {m for m in messages_in(root_schema(kind)) if not any(s in m for s in said)}
    assert untested == set()
