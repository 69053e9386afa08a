"""Objects that do not fit their model."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.adapters.kube.parsing import parse
from ebbflow.api.base import JsonObject
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.template import Template
from ebbflow.domain.ports import InvalidObject

CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "InStep",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
META = {"name": "shop", "namespace": "default", "uid": "u", "generation": 3}


def raw(**fields: Any) -> JsonObject:
    return {"metadata": META, **fields}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"interval": "fast"}, "spec.interval: ", id="a field"),
        pytest.param(
            {"argumentOverrides": [{"name": "A"}]},
            "spec.argumentOverrides[0]: ",
            id="an item of a list",
        ),
        pytest.param({"git": {}}, "spec.git.repository: Field required; spec.git", id="several"),
        pytest.param("text", "spec: ", id="the spec itself"),
    ],
)
def test_the_field_and_what_is_wrong_with_it_are_named(spec: object, words: str) -> None:
    with pytest.raises(InvalidObject) as caught:
        parse(Template, raw(spec=spec))
    assert words in str(caught.value)


def test_many_mistakes_make_one_bounded_sentence() -> None:
    overrides = [{"name": str(number)} for number in range(50)]
    with pytest.raises(InvalidObject, match="and 45 more"):
        parse(Template, raw(spec={"argumentOverrides": overrides}))


def test_the_value_that_is_wrong_is_not_repeated() -> None:
    with pytest.raises(InvalidObject) as caught:
        parse(Template, raw(spec={"suspend": "canary"}))
    assert "canary" not in str(caught.value)


def test_the_rest_of_the_object_is_kept_for_its_condition() -> None:
    live = raw(spec={"interval": "x"}, status={"conditions": [CONDITION], "sync": {"commit": "c"}})
    with pytest.raises(InvalidObject) as caught:
        parse(Template, live)
    observed = caught.value.observed
    assert isinstance(observed, Template)
    assert observed.metadata.generation == 3
    assert observed.status.conditions[0].reason == "InStep"
    assert observed.status.dump()["sync"] == {"commit": "c"}


def test_a_kind_that_requires_its_spec_is_kept_without() -> None:
    with pytest.raises(InvalidObject, match=r"spec\.provider") as caught:
        parse(GitAccount, raw(spec={}))
    assert caught.value.observed is not None
    assert caught.value.observed.key == ("GitAccount", "default", "shop")


def test_a_status_that_is_wrong_too_counts_as_none() -> None:
    with pytest.raises(InvalidObject) as caught:
        parse(Template, raw(status={"conditions": "?"}))
    assert caught.value.observed is not None
    assert caught.value.observed.status.conditions == ()


def test_without_metadata_nothing_is_kept() -> None:
    with pytest.raises(InvalidObject) as caught:
        parse(Template, {"spec": {}})
    assert caught.value.observed is None
